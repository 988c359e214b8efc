import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keysetConnection, keysetPage } from '../../src/db/keyset.ts';
import type { ConnectionArguments, KeysetOrder } from '../../src/db/keyset.ts';
import { BadCursor, InvalidInput } from '../../src/domain/errors.ts';
import { openRegistry } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

const BY_NAME: KeysetOrder = {
  name: 'by-name',
  columns: [
    { name: 'actorName', type: 'string', direction: 'asc' },
    { name: 'seq', type: 'bigint', direction: 'desc' },
  ],
};
const UPDATED: KeysetOrder = {
  name: 'updated',
  columns: [
    { name: 'updatedAt', type: 'date', direction: 'desc' },
    { name: 'id', type: 'uuid', direction: 'desc' },
  ],
};

interface Row {
  readonly a: string;
  readonly b: number;
  readonly id: number;
}
type Where = { AND?: Where[]; OR?: Where[] } & Record<string, unknown>;

// What Prisma does with the conditions, for rows in memory.
function matches(where: Where, row: Row): boolean {
  return Object.entries(where).every(([key, value]) => {
    if (key === 'AND') return (value as Where[]).every((part) => matches(part, row));
    if (key === 'OR') return (value as Where[]).some((part) => matches(part, row));
    const own = row[key as keyof Row];
    if (typeof value !== 'object' || value === null) return own === value;
    return Object.entries(value).every(([operator, bound]) =>
      compares(operator, own as number, bound as number),
    );
  });
}

function compares(operator: string, own: number, bound: number): boolean {
  switch (operator) {
    case 'gt':
      return own > bound;
    case 'gte':
      return own >= bound;
    case 'lt':
      return own < bound;
    case 'lte':
      return own <= bound;
    default:
      throw new Error(operator);
  }
}

function sorted(rows: readonly Row[], orderBy: readonly Record<string, 'asc' | 'desc'>[]): Row[] {
  return rows.toSorted((x, y) => {
    for (const part of orderBy) {
      const [name, direction] = Object.entries(part)[0] ?? ['', 'asc'];
      const [a, b] = [x[name as keyof Row], y[name as keyof Row]];
      if (a !== b) return a < b === (direction === 'asc') ? -1 : 1;
    }
    return 0;
  });
}

function readPage(order: KeysetOrder, rows: readonly Row[], args: ConnectionArguments) {
  const page = keysetPage(order, args);
  const found = sorted(
    rows.filter((row) => matches(page.where as Where, row)),
    page.orderBy,
  ).slice(0, page.take);
  return keysetConnection(page, found, async () => rows.length);
}

const direction = fc.constantFrom('asc' as const, 'desc' as const);
const orders = fc.tuple(direction, direction, direction).map(([a, b, id]): KeysetOrder => ({
  name: 'test',
  columns: [
    { name: 'a', type: 'string', direction: a },
    { name: 'b', type: 'int', direction: b },
    { name: 'id', type: 'int', direction: id },
  ],
}));
const rowSets = fc
  .array(fc.record({ a: fc.constantFrom('', 'a', 'B', 'ä', '日', '"'), b: fc.integer({ min: 0, max: 3 }) }), {
    maxLength: 40,
  })
  .map((rows) => rows.map((row, id) => ({ ...row, id })));

describe('pages', () => {
  it.each(['forward', 'backward'] as const)(
    'going %s visit every row once, in the order of a plain sort',
    (way) => {
      fc.assert(
        fc.property(orders, rowSets, fc.integer({ min: 1, max: 7 }), (order, rows, size) => {
          const visited: Row[][] = [];
          for (let cursor: string | null = null, more = true; more;) {
            const args = way === 'forward' ? { first: size, after: cursor } : { last: size, before: cursor };
            const { edges, pageInfo } = readPage(order, rows, args);
            visited.push(edges.map(({ node }) => node));
            cursor = way === 'forward' ? pageInfo.endCursor : pageInfo.startCursor;
            more = way === 'forward' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage;
            expect(edges.length).toBe(more ? size : edges.length);
          }
          const all = (way === 'forward' ? visited : visited.toReversed()).flat();
          expect(all).toEqual(
            sorted(
              rows,
              order.columns.map((column) => ({ [column.name]: column.direction })),
            ),
          );
        }),
      );
    },
  );

  it('between two cursors hold exactly what lies between them', () => {
    fc.assert(
      fc.property(orders, rowSets, fc.nat(), fc.nat(), (order, rows, i, j) => {
        const everything = readPage(order, rows, { first: 100 }).edges;
        fc.pre(everything.length > 0);
        const [low = 0, high = 0] = [i % everything.length, j % everything.length].toSorted((a, b) => a - b);
        const bounds = { after: everything[low]?.cursor, before: everything[high]?.cursor };
        const between = everything.slice(low + 1, high);
        for (const size of [{ first: 100 }, { last: 100 }]) {
          expect(readPage(order, rows, { ...size, ...bounds }).edges).toEqual(between);
        }
      }),
    );
  });

  it('stay right while rows come in and go', () => {
    const order: KeysetOrder = { name: 'x', columns: [{ name: 'id', type: 'int', direction: 'asc' }] };
    const row = (id: number): Row => ({ a: '', b: 0, id });
    const first = readPage(order, [10, 20, 30, 40].map(row), { first: 2 });
    const changed = [5, 10, 15, 25, 30, 40].map(row);
    const second = readPage(order, changed, { first: 2, after: first.pageInfo.endCursor });
    expect(second.edges.map(({ node }) => node.id)).toEqual([25, 30]);
  });

  it('say whether there are others on both sides', () => {
    const order: KeysetOrder = { name: 'x', columns: [{ name: 'id', type: 'int', direction: 'asc' }] };
    const rows = [1, 2, 3].map((id) => ({ a: '', b: 0, id }));
    const cursor = readPage(order, rows, { first: 1 }).pageInfo.endCursor;
    const sides = (args: ConnectionArguments) => {
      const { hasPreviousPage, hasNextPage } = readPage(order, rows, args).pageInfo;
      return [hasPreviousPage, hasNextPage];
    };
    expect(sides({ first: 2 })).toEqual([false, true]);
    expect(sides({ first: 3 })).toEqual([false, false]);
    expect(sides({ first: 1, after: cursor })).toEqual([true, true]);
    expect(sides({ last: 2 })).toEqual([true, false]);
  });

  it('are of 20 unless asked otherwise, and of 100 at most', () => {
    expect(keysetPage(BY_NAME, {}).take).toBe(21);
    expect(keysetPage(BY_NAME, { first: 100 }).take).toBe(101);
    for (const args of [{ first: 101 }, { first: -1 }, { last: 101 }, { last: -5 }, { first: 1, last: 1 }]) {
      expect(() => keysetPage(BY_NAME, args)).toThrow(InvalidInput);
    }
  });
});

/** What was thrown and is no refusal of the cursor. */
function surpriseOf(work: () => unknown): unknown {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof BadCursor ? null : error;
  }
}

describe('a cursor', () => {
  const encode = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
  const uuid = '01939c1e-7a6b-7000-8000-000000000001';

  it.each([
    ['empty', ''],
    ['no base64', '***'],
    ['no JSON', Buffer.from('[').toString('base64url')],
    ['no list', Buffer.from('{}').toString('base64url')],
    ['of another list', encode('updated', 'a', '1')],
    ['too short', encode('by-name', 'a')],
    ['too long', encode('by-name', 'a', '1', '2')],
    ['with a number that is none', encode('by-name', 'a', '1x')],
    ['with a negative number', encode('by-name', 'a', '-1')],
    ['with a number beyond bigint', encode('by-name', 'a', '9'.repeat(19))],
    ['with values that are no text', encode('by-name', 'a', 1)],
    ['with NUL', encode('by-name', 'a\0', '1')],
    ['with half a character', encode('by-name', 'a\ud800', '1')],
  ])('that is %s is refused, by its argument', (_title, cursor) => {
    for (const argument of ['after', 'before'] as const) {
      expect(() => keysetPage(BY_NAME, { [argument]: cursor })).toThrow(BadCursor);
      expect(() => keysetPage(BY_NAME, { [argument]: cursor })).toThrow(argument);
    }
  });

  it.each([
    ['a date that is none', encode('updated', 'soon', uuid)],
    ['a year that PostgreSQL cannot hold', encode('updated', '-271821-04-20T00:00:00.000Z', uuid)],
    ['a year 0', encode('updated', '0000-01-01T00:00:00.000Z', uuid)],
    ['a year of six digits', encode('updated', '+275760-09-13T00:00:00.000Z', uuid)],
    ['a date of another form', encode('updated', '2026-01-01', uuid)],
    ['an id that is none', encode('updated', '2026-01-01T00:00:00.000Z', 'x')],
  ])('with %s is refused', (_title, cursor) => {
    expect(() => keysetPage(UPDATED, { after: cursor })).toThrow(BadCursor);
  });

  it('is never a surprise, whatever it says', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    fc.assert(
      fc.property(texts, (after) => {
        expect(surpriseOf(() => keysetPage(UPDATED, { after }))).toBeNull();
      }),
    );
  });
});

describe('through prisma and PostgreSQL', () => {
  let registry: Registry;

  beforeAll(async () => {
    registry = await openRegistry();
    await registry.database.query(
      `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
       SELECT $1, 'T', 'SYSTEM', '1', 'name ' || n % 7, '{}' FROM generate_series(1, 60) AS n`,
      [registry.actor.workspaceId],
    );
    for (const slug of ['a', 'b', 'c', 'd', 'e']) {
      await registry.app.createPrompt(registry.actor, { slug, content: { template: 'x' } });
    }
    // Three of five at the same time: then the id decides.
    await registry.database.query(
      `UPDATE prompt SET updated_at = '2026-01-01 00:00:00.123+00' WHERE slug IN ('a', 'c', 'e')`,
    );
  });

  afterAll(async () => {
    await registry.close();
  });

  it.each(['forward', 'backward'] as const)(
    '%s pages over texts and big numbers are those of ORDER BY',
    async (way) => {
      const { workspaceId } = registry.actor;
      const visited: bigint[] = [];
      for (let cursor: string | null = null, more = true; more;) {
        const page = keysetPage(
          BY_NAME,
          way === 'forward' ? { first: 11, after: cursor } : { last: 11, before: cursor },
        );
        const { orderBy, take, where } = page;
        const rows = await registry.opened.reader.event.findMany({
          where: { ...where, workspaceId },
          orderBy,
          take,
        });
        const { edges, pageInfo } = keysetConnection(page, rows, async () => 0);
        const seqs = edges.map(({ node }) => node.seq);
        if (way === 'forward') visited.push(...seqs);
        else visited.unshift(...seqs);
        cursor = way === 'forward' ? pageInfo.endCursor : pageInfo.startCursor;
        more = way === 'forward' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage;
      }
      const wanted = await registry.database.query<{ seq: string }>(
        'SELECT seq FROM event WHERE workspace_id = $1 ORDER BY actor_name, seq DESC',
        [workspaceId],
      );
      expect(visited.map(String)).toEqual(wanted.map(({ seq }) => seq));
    },
  );

  it('times that are equal are told apart by the id', async () => {
    const { workspaceId } = registry.actor;
    const visited: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const page = keysetPage(UPDATED, { first: 1, after });
      const { orderBy, take, where } = page;
      const rows = await registry.opened.reader.prompt.findMany({
        where: { ...where, workspaceId },
        orderBy,
        take,
      });
      const { edges, pageInfo } = keysetConnection(page, rows, async () => 0);
      visited.push(...edges.map(({ node }) => node.slug));
      ({ endCursor: after, hasNextPage: more } = pageInfo);
    }
    expect(visited).toHaveLength(5);
    expect(visited.slice(2)).toEqual(['e', 'c', 'a']);
  });
});
