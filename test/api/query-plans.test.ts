import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scansOf } from '../support/plans.ts';
import type { TableScan } from '../support/plans.ts';
import type { TestServer } from '../support/server.ts';
import { recordStatements } from '../support/statements.ts';
import type { SentStatement } from '../support/statements.ts';
import { chainFaults } from '../db/chain.ts';
import type { EventRow } from '../db/chain.ts';
import { LIMITED_LISTS, LISTS, PATHS, READS, WRITES } from './large-operations.ts';
import type { List } from './large-operations.ts';
import { OPERATOR_KEY, startLargeServer } from './large-world.ts';
import { keyOf } from './limited-keys.ts';

/** More rows than a page and everything that hangs on it. */
const TOUCHED_MAX = 1_000;

/** What goes through a table as a whole, and why it may. */
const WHOLE_TABLES: readonly (readonly [RegExp, string])[] = [
  [
    /FROM "public"\."event_counter"/,
    'the heads of all logs: a node looks for what it was not told of, one row a workspace',
  ],
  [
    /"stream_node"|"stream_subscriber"|"applied_cursor"/,
    'what listens now, swept by age: never more rows than listeners',
  ],
  [/content_bytes AS "contentBytes"/, 'a whole channel is what was asked for'],
  [/pr\.created_at AS "promotedAt"/, 'a whole channel, in batches of hundreds'],
];

/** Operations that touch more than a page, and why they may. */
const MANY_ROWS: readonly (readonly [RegExp, string])[] = [
  [/, how many$/, 'who asks for totalCount counts'],
  [/^make a key$/, 'how many keys are in force is counted before there is one more'],
  [/^a (whole )?channel/, 'everything that it serves is what was asked for'],
  [/of a prompt( and a type)?(, |$)/, 'at most what happened to one prompt'],
  [/of an actor and a type/, 'at most what one actor did'],
  [/with a tag/, 'a tag that next to nobody has is looked for in the order of the list'],
  [/, by a key of some prompts, /, 'limits of a key are looked for in the order of the list'],
];

interface Explained {
  readonly statement: SentStatement;
  readonly scans: readonly TableScan[];
}

let server: TestServer;
let explained: readonly Explained[];

beforeAll(async () => {
  server = await startLargeServer();
  const log = recordStatements();
  const during = (operation: string) => log.during(operation);
  try {
    await runEverything(during);
  } finally {
    log.stop();
  }
  explained = await explainAll(log.all());
}, 120_000);
afterAll(() => server.close());

it('sends statements for every list, every way to change something, and delivery', () => {
  const operations = new Set(explained.map(({ statement }) => statement.operation));
  expect(Object.keys(LISTS).filter((name) => !operations.has(`${name}, last page`))).toEqual([]);
  expect(Object.keys({ ...READS, ...WRITES, ...PATHS }).filter((name) => !operations.has(name))).toEqual([]);
});

it('asks a registry whose log is chained as the triggers chain it', async () => {
  const [third] = await server.database.query<{ id: string }>(
    `SELECT id FROM "workspace" WHERE slug = 'third'`,
  );
  const log = await server.database.query<EventRow>(
    'SELECT * FROM "event" WHERE workspace_id = $1 ORDER BY seq',
    [third?.id],
  );
  expect(log.length).toBeGreaterThan(10_000);
  expect(chainFaults(third?.id ?? '', log)).toEqual([]);
});

it('never goes through a growing table row by row', () => {
  const faults = explained.flatMap(({ statement, scans }) =>
    scans
      .filter(({ how }) => how === 'Seq Scan')
      .filter(() => !isExcused(WHOLE_TABLES, statement.text) && !isExcused(MANY_ROWS, statement.operation))
      .map(({ table }) => shown(table, statement)),
  );
  expect(faults).toEqual([]);
});

it('touches no more rows than a page needs', () => {
  const faults = explained.flatMap(({ statement, scans }) =>
    scans
      .filter(({ touched }) => touched > TOUCHED_MAX)
      .filter(() => !isExcused(MANY_ROWS, statement.operation) && !isExcused(WHOLE_TABLES, statement.text))
      .map(({ table, how, touched }) => shown(`${how} of ${table}, ${touched} rows`, statement)),
  );
  expect(faults).toEqual([]);
});

it('skips no rows: pages begin at a value, not at a number of rows', () => {
  const offsets = explained.flatMap(({ statement: { text, values, operation } }) =>
    [...text.matchAll(/OFFSET \$(\d+)/g)].flatMap(([, place]) =>
      Number(values[Number(place) - 1]) === 0 ? [] : [operation],
    ),
  );
  expect(offsets).toEqual([]);
});

it('counts nothing that nobody asked for', () => {
  const counted = explained.filter(
    ({ statement: { text, operation } }) =>
      /, (first|last) page$/.test(operation) && text.startsWith('SELECT COUNT'),
  );
  expect(counted.map(({ statement }) => statement.operation)).toEqual([]);
});

function isExcused(excuses: readonly (readonly [RegExp, string])[], text: string): boolean {
  return excuses.some(([pattern]) => pattern.test(text));
}

function shown(what: string, { operation, text }: SentStatement): string {
  return `${operation}: ${what}: ${text.replaceAll(/\s+/g, ' ').trim()}`;
}

type During = (operation: string) => void;

async function runEverything(during: During): Promise<void> {
  for (const [name, list] of Object.entries(LISTS)) await runPages(during, name, list, server.adminKey);
  const limited = await keyOf(server, 'VIEWER', { prompts: ['topic-040/*'] });
  for (const name of LIMITED_LISTS)
    await runPages(
      during,
      `${name}, by a key of some prompts`,
      LISTS[name] ?? { field: name, row: '' },
      limited,
    );
  await runPages(during, 'workspaces', { field: 'workspaces', row: 'slug' }, OPERATOR_KEY);
  for (const [name, query] of Object.entries(READS)) {
    during(name);
    (await server.execute(query)).data();
  }
  for (const [name, field] of Object.entries(WRITES)) {
    during(name);
    const answer = await server.execute(
      `mutation { done: ${field} { __typename ... on Error { message } } }`,
    );
    expect(answer.data(), name).not.toHaveProperty('done.message');
  }
  for (const [name, path] of Object.entries(PATHS)) {
    during(name);
    const response = await server.get(path);
    expect([200, 404], `${name}: ${await response.text()}`).toContain(response.status);
  }
}

/** From the start, from the middle, from the end; then how many there are. */
async function runPages(during: During, name: string, list: List, key: string): Promise<void> {
  const { field, filter = '', row, around } = list;
  const ask = async (what: string, args: string, fields: string) => {
    const asked = [filter, args].filter((part) => part !== '').join(', ');
    const inner = `${field}${asked === '' ? '' : `(${asked})`} { ${fields} }`;
    during(`${name}, ${what}`);
    const query = `{ ${around === undefined ? inner : `${around} { ${inner} }`} }`;
    const data = (await server.execute(query, {}, { key })).data();
    return /"startCursor":"([\w-]+)"/.exec(JSON.stringify(data))?.[1];
  };
  const page = `edges { node { ${row} } } pageInfo { startCursor hasNextPage }`;
  await ask('first page', 'first: 20', page);
  const cursor = await ask('last page', 'last: 20', page);
  if (cursor !== undefined) {
    await ask('a page after', `first: 20, after: "${cursor}"`, page);
    await ask('a page before', `last: 20, before: "${cursor}"`, page);
  }
  await ask('how many', '', 'totalCount');
}

async function explainAll(statements: readonly SentStatement[]): Promise<Explained[]> {
  const client = new pg.Client({ connectionString: server.database.url });
  await client.connect();
  await client.query('BEGIN');
  const all: Explained[] = [];
  for (const statement of statements) {
    if (/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)/i.test(statement.text)) {
      const scans = await scansOf(client, statement);
      all.push({ statement, scans });
    }
  }
  await client.query('ROLLBACK');
  await client.end();
  return all;
}
