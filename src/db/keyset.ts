import { BadCursor, InvalidInput } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import { textFault } from '../domain/text.ts';

const PAGE_SIZE_DEFAULT = 20;
const PAGE_SIZE_MAX = 100;

type ColumnType = 'string' | 'uuid' | 'int' | 'bigint' | 'date';
type ColumnValue = string | number | bigint | Date;

/** One column of an order. The last one of an order must be unique within what is listed. */
interface KeysetColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly direction: 'asc' | 'desc';
}

/** A named order: its name is part of the cursors, so that a cursor of another list is refused. */
export interface KeysetOrder {
  readonly name: string;
  readonly columns: readonly KeysetColumn[];
}

export interface ConnectionArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

type Where = Record<string, unknown>;

/** A page as Prisma wants it. One row more than asked for is read: it tells whether there is another page. */
export interface KeysetPage {
  readonly order: KeysetOrder;
  readonly size: number;
  readonly backward: boolean;
  readonly bounded: { readonly after: boolean; readonly before: boolean };
  readonly take: number;
  readonly orderBy: Record<string, 'asc' | 'desc'>[];
  readonly where: { AND: Where[] };
}

/**
 * The page that the arguments of a connection ask for. Order and bounds come from one list of columns, so they cannot disagree; bounds
 * are values, not offsets, so pages stay right while rows are added.
 * @throws InvalidInput for impossible sizes, BadCursor for what is no cursor of this list.
 */
export function keysetPage(order: KeysetOrder, args: ConnectionArguments): KeysetPage {
  const size = pageSize(args);
  const backward = typeof args.last === 'number';
  const bounds = [bound(order, 'after', args.after), bound(order, 'before', args.before)];
  return {
    order,
    size,
    backward,
    bounded: { after: typeof args.after === 'string', before: typeof args.before === 'string' },
    take: size + 1,
    orderBy: order.columns.map(({ name, direction }) => ({
      [name]: backward ? opposite(direction) : direction,
    })),
    where: { AND: bounds.filter((where) => where !== null) },
  };
}

/** The rows of a page as a Relay connection. `totalCount` is asked only when a client selects it. */
export function keysetConnection<Row extends object>(
  page: KeysetPage,
  rows: readonly Row[],
  totalCount: () => Promise<number>,
) {
  const more = rows.length > page.size;
  const kept = page.backward ? rows.slice(0, page.size).toReversed() : rows.slice(0, page.size);
  const edges = kept.map((node) => ({ node, cursor: encodeCursor(page.order, node) }));
  return {
    edges,
    totalCount,
    pageInfo: {
      hasNextPage: page.backward ? page.bounded.before : more,
      hasPreviousPage: page.backward ? more : page.bounded.after,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

function pageSize({ first, last }: ConnectionArguments): number {
  if (typeof first === 'number' && typeof last === 'number')
    throw new InvalidInput('last', 'cannot be combined with "first"');
  const field = typeof last === 'number' ? 'last' : 'first';
  const size = last ?? first ?? PAGE_SIZE_DEFAULT;
  if (size < 0 || size > PAGE_SIZE_MAX)
    throw new InvalidInput(field, `is ${size}, 0 to ${PAGE_SIZE_MAX} are allowed`);
  return size;
}

function bound(
  order: KeysetOrder,
  argument: 'after' | 'before',
  text: string | null | undefined,
): Where | null {
  if (text === null || text === undefined) return null;
  const values = decodeCursor(order, argument, text);
  const [lead] = order.columns;
  const [leadValue] = values;
  if (lead === undefined) throw new Error(`order ${order.name} has no column`);
  const alternatives = order.columns.map((column, index) => ({
    AND: [
      ...order.columns.slice(0, index).map((earlier, i) => ({ [earlier.name]: values[i] })),
      { [column.name]: { [operator(column, argument)]: values[index] } },
    ],
  }));
  // The leading column's own bound is implied by the alternatives, but only as a plain comparison does it narrow an index scan.
  return { AND: [{ [lead.name]: { [`${operator(lead, argument)}e`]: leadValue } }, { OR: alternatives }] };
}

function operator({ direction }: KeysetColumn, argument: 'after' | 'before'): 'gt' | 'lt' {
  return (direction === 'asc') === (argument === 'after') ? 'gt' : 'lt';
}

function opposite(direction: 'asc' | 'desc'): 'asc' | 'desc' {
  return direction === 'asc' ? 'desc' : 'asc';
}

function encodeCursor(order: KeysetOrder, row: object): string {
  const values = order.columns.map(({ name }) => {
    const value: unknown = Reflect.get(row, name);
    return value instanceof Date ? value.toISOString() : String(value);
  });
  return Buffer.from(JSON.stringify([order.name, ...values])).toString('base64url');
}

function decodeCursor(order: KeysetOrder, argument: string, text: string): ColumnValue[] {
  const parts = parseParts(text);
  if (parts === null || parts.length !== order.columns.length + 1 || parts[0] !== order.name)
    throw new BadCursor(argument);
  return order.columns.map(({ type }, index) => {
    const value = parseValue(type, parts[index + 1] ?? '');
    if (value === null) throw new BadCursor(argument);
    return value;
  });
}

function parseParts(text: string): string[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : null;
  } catch {
    return null;
  }
}

function parseValue(type: ColumnType, text: string): ColumnValue | null {
  switch (type) {
    case 'string':
      // The database would refuse these, and loudly.
      return textFault(text) === null ? text : null;
    case 'uuid':
      return isUuid(text) ? text : null;
    case 'int':
      return /^\d{1,9}$/.test(text) ? Number(text) : null;
    case 'bigint':
      return /^\d{1,18}$/.test(text) ? BigInt(text) : null;
    case 'date':
      return parseDate(text);
    default:
      throw new Error(`no such column type: ${String(type satisfies never)}`);
  }
}

/** Only what encodeCursor writes, and PostgreSQL can read: years 1 to 9999. */
function parseDate(text: string): Date | null {
  const date = new Date(text);
  if (!/^(?!0000)\d{4}-/.test(text) || Number.isNaN(date.getTime())) return null;
  return date.toISOString() === text ? date : null;
}
