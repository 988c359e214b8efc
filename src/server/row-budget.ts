import { getOperationAST, Kind } from 'graphql';
import type {
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLError,
  OperationDefinitionNode,
  SelectionSetNode,
  ValueNode,
} from 'graphql';
import { limitError, QUERY_LIMITS, ROWS_OF_WORK } from './query-limits.ts';

type Variables = Readonly<Record<string, unknown>>;

interface Cost {
  readonly rows: number;
  /** Selects what only connections have, so the field around it is a page even when it has no arguments. */
  readonly isPage: boolean;
}

interface Counting {
  costOfFragment(this: void, name: string): Cost;
  /** What an argument is worth: undefined for a variable that nobody gives a value. */
  valueOf(this: void, value: ValueNode): unknown;
}

/** The resolvers refuse more than this, of a page and of `nodes`, before they read a row. */
const SIZE_MAX = 100;
const PAGE_DEFAULT = 20;
/** A guess: a workspace has at most 32 channels, and most have a few. */
const CHANNELS = 8;
/** Lists without pages, such as those in the answers of mutations and in the frames of subscriptions. */
const UNPAGED_LISTS = new Set(['promotions', 'versions', 'entries', 'reviews', 'policies', 'approvers']);
/** Lists with a size and no cursor: as a page when the size is left out. */
const SIZED_LISTS = new Set(['consumers']);
const PAGE_FIELDS = new Set(['edges', 'pageInfo', 'totalCount']);
const workOf: ReadonlyMap<string, number> = new Map(Object.entries(ROWS_OF_WORK));
const NOTHING: Cost = { rows: 0, isPage: false };

/** Whether lists and objects stand in each other in the variables deeper than anything that takes them can follow. */
export function variablesDepthError(variables: Variables): GraphQLError | null {
  const max = QUERY_LIMITS.variablesDepth;
  return isDeeper(variables, max) ? limitError('variablesDepth', max + 1) : null;
}

/** Never deeper itself than what it looks for: what it is about would overflow the stack. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  // The object of all variables is no level of any of them.
  if (levels < 0) return true;
  return Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/**
 * Whether an operation may read more rows than one request is worth: pages within pages multiply, and no limit of the
 * document sees it. An upper bound from the document and the variables alone, so it costs no statement; linear in the
 * document, because a fragment is counted once. What graphql refuses by itself (no such operation) is left to it.
 * @param onVariable told when a variable's value was looked at: if it never is, the answer is that of the operation, whatever its variables
 */
export function rowBudgetError(
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Variables,
  onVariable: () => void = () => undefined,
): GraphQLError | null {
  const operation = getOperationAST(document, operationName);
  if (!operation) return null;
  const valueOf = valuesOf(operation, variables, onVariable);
  const costOfFragment = fragmentCosts(document, valueOf);
  const { rows } = costOfSelectionSet(operation.selectionSet, { costOfFragment, valueOf });
  return rows > QUERY_LIMITS.rows ? limitError('rows', rows, operation) : null;
}

/** A cycle counts as nothing where it closes: validation has refused it before anything is executed. */
function fragmentCosts(document: DocumentNode, valueOf: Counting['valueOf']): Counting['costOfFragment'] {
  const definitions = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) definitions.set(definition.name.value, definition);
  }
  const costs = new Map<string, Cost>();
  return function costOfFragment(name) {
    const known = costs.get(name);
    if (known !== undefined) return known;
    const definition = definitions.get(name);
    if (definition === undefined) return NOTHING;
    costs.set(name, NOTHING);
    const cost = costOfSelectionSet(definition.selectionSet, { costOfFragment, valueOf });
    costs.set(name, cost);
    return cost;
  };
}

function costOfSelectionSet(set: SelectionSetNode, counting: Counting): Cost {
  let rows = 0;
  let isPage = false;
  for (const selection of set.selections) {
    const cost =
      selection.kind === Kind.FIELD
        ? { rows: rowsOfField(selection, counting), isPage: PAGE_FIELDS.has(selection.name.value) }
        : selection.kind === Kind.INLINE_FRAGMENT
          ? costOfSelectionSet(selection.selectionSet, counting)
          : counting.costOfFragment(selection.name.value);
    rows = bounded(rows + cost.rows);
    isPage ||= cost.isPage;
  }
  return { rows, isPage };
}

function rowsOfField(field: FieldNode, counting: Counting): number {
  const name = field.name.value;
  // `__typename` and introspection are answered from the schema in memory; `introspectionDepth` bounds them.
  if (name.startsWith('__')) return 0;
  const inner = field.selectionSet ? costOfSelectionSet(field.selectionSet, counting) : NOTHING;
  const work = workOf.get(name);
  if (work !== undefined) return bounded(work + inner.rows);
  const times = timesOfField(field, inner.isPage, counting);
  return times === null ? inner.rows : bounded(times * (1 + inner.rows));
}

/** How many rows a field answers, or null for a field that is no list. */
function timesOfField(field: FieldNode, isPage: boolean, { valueOf }: Counting): number | null {
  if (field.name.value === 'channels') return CHANNELS;
  const args = new Map(field.arguments?.map((argument) => [argument.name.value, argument.value]));
  if (field.name.value === 'nodes') {
    const ids = args.get('ids');
    return ids === undefined ? SIZE_MAX : countOfIds(valueOf(ids));
  }
  const sizes = ['first', 'last'].flatMap((name) => args.get(name) ?? []).map(valueOf);
  if (sizes.length === 0 && (isPage || SIZED_LISTS.has(field.name.value))) return PAGE_DEFAULT;
  if (sizes.length === 0) return UNPAGED_LISTS.has(field.name.value) ? SIZE_MAX : null;
  // A null is an argument that was left out.
  const given = sizes.filter((size) => size !== null);
  return given.length === 0 ? PAGE_DEFAULT : Math.max(...given.map(pageSize));
}

function countOfIds(ids: unknown): number {
  // graphql takes a single value for a list of one.
  if (typeof ids === 'string') return 1;
  return Array.isArray(ids) ? Math.min(ids.length, SIZE_MAX) : SIZE_MAX;
}

/** Never below 0: a negative size, which the resolver refuses, must not pay for the fields beside it. */
function pageSize(size: unknown): number {
  return typeof size === 'number' ? Math.min(Math.max(size, 0), SIZE_MAX) : SIZE_MAX;
}

/** Numbers stay finite, or 0 rows of infinitely many would be NaN, which is over no limit. */
function bounded(rows: number): number {
  return Math.min(rows, Number.MAX_SAFE_INTEGER);
}

function valuesOf(
  operation: OperationDefinitionNode,
  variables: Variables,
  onVariable: () => void,
): Counting['valueOf'] {
  const defaults = new Map(
    operation.variableDefinitions?.map(({ variable, defaultValue }) => [variable.name.value, defaultValue]),
  );
  return (value) => {
    if (value.kind !== Kind.VARIABLE) return literal(value);
    onVariable();
    const name = value.name.value;
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (given !== undefined) return given;
    const byDefault = defaults.get(name);
    return byDefault && literal(byDefault);
  };
}

/** Only as far as sizes and lists of ids go. A list keeps its length, whatever stands in it. */
function literal(value: ValueNode): unknown {
  switch (value.kind) {
    case Kind.INT:
      return Number(value.value);
    case Kind.NULL:
      return null;
    case Kind.STRING:
      return value.value;
    case Kind.LIST:
      return value.values;
    default:
      return undefined;
  }
}
