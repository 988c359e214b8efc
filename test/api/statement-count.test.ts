import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

const VERSIONS = 500;

const List = graphql(`
  query CountList($first: Int!) {
    prompts(first: $first) {
      totalCount
      edges {
        node {
          slug
          tags
          latest {
            number
            message
            createdAt
          }
          version(channel: "stable") {
            number
          }
          channels {
            channel {
              name
            }
            version {
              number
            }
            since
          }
          versions(first: 3) {
            totalCount
            edges {
              node {
                number
                author {
                  name
                }
                channels {
                  name
                }
                basedOn {
                  number
                }
              }
            }
          }
          promotions(first: 2) {
            edges {
              node {
                kind
                cursor
              }
            }
          }
        }
      }
    }
  }
`);

const Serving = graphql(`
  query CountServing($first: Int!) {
    channel(name: "stable") {
      serving(first: $first) {
        totalCount
        edges {
          node {
            since
            prompt {
              slug
            }
            version {
              number
              template
              variables {
                name
              }
            }
            promotion {
              kind
              cursor
              actor {
                name
              }
            }
          }
        }
      }
    }
  }
`);

const Events = graphql(`
  query CountEvents($first: Int!) {
    events(first: $first) {
      edges {
        node {
          seq
          type
          cursor
          prompt {
            slug
          }
          promotion {
            cursor
            version {
              number
            }
            previousVersion {
              number
            }
          }
        }
      }
    }
  }
`);

interface Cost {
  readonly statements: readonly string[];
  /** Rows that sequential scans and index scans fetched, by table. */
  readonly rows: Readonly<Record<string, number>>;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (let n = 0; n < 30; n += 1) {
    const slug = `count/${String(n).padStart(2, '0')}`;
    await createPrompt(server, slug, { tags: ['t'] });
    await promote(server, slug, 1);
  }
  await addHistory(server);
});
afterAll(() => server.close());

/** 499 more versions a prompt, each with its promotion and event, through the real tables and triggers, as saves write them. */
async function addHistory({ database }: TestServer): Promise<void> {
  await database.query(`
    INSERT INTO "prompt_version" (workspace_id, id, prompt_id, number, kind, template, variables, content_hash, message, based_on_number, author_kind, author_id, author_name, created_at)
    SELECT v.workspace_id, gen_random_uuid(), v.prompt_id, n, v.kind, v.template || n, v.variables, v.content_hash, 'm', n - 1, v.author_kind, v.author_id, v.author_name, v.created_at
    FROM "prompt_version" v, generate_series(2, ${VERSIONS}) AS n`);
  await database.query(`
    INSERT INTO "promotion" (workspace_id, id, kind, prompt_id, ordinal, channel_id, version_id, actor_kind, actor_id, actor_name, created_at)
    SELECT v.workspace_id, gen_random_uuid(), 'SAVE', v.prompt_id, v.number + 1, c.id, v.id, v.author_kind, v.author_id, v.author_name, v.created_at
    FROM "prompt_version" v JOIN "channel" c ON c.name = 'latest' WHERE v.number > 1`);
  await database.query(`UPDATE "prompt" SET latest_number = ${VERSIONS}`);
  await database.query(`
    UPDATE "channel_pointer" cp SET version_id = p.version_id, promotion_id = p.id
    FROM "promotion" p WHERE p.prompt_id = cp.prompt_id AND p.channel_id = cp.channel_id AND p.ordinal = ${VERSIONS} + 1`);
  // Events of the newest promotions are enough, each a commit of its own: fewer would hide nothing, all 15,000 would take long.
  const rows = await database.query<{ id: string }>(
    `SELECT id FROM "promotion" WHERE ordinal > ${VERSIONS} - 6 ORDER BY ordinal`,
  );
  for (const { id } of rows) {
    await database.query(
      `INSERT INTO "event" (workspace_id, seq, commit_seq, type, actor_kind, actor_id, actor_name, prompt_id, promotion_id, payload, at_micros, hash_version, prev_hash, hash)
       SELECT workspace_id, 0, 0, 'VersionPromoted', actor_kind, actor_id, actor_name, prompt_id, id, '{}', 0, 1, '', '' FROM "promotion" WHERE id = $1`,
      [id],
    );
  }
  await database.query('ANALYZE');
}

type Read = () => Promise<{ errors(): readonly unknown[]; data(): unknown }>;

/** What one answer costs: of three, the least. What others do meanwhile (the feed's polling, autovacuum) only adds. */
async function costOf(read: Read): Promise<Cost> {
  (await read()).data();
  const costs = [await measure(read), await measure(read), await measure(read)];
  const tables = new Set(costs.flatMap(({ rows }) => Object.keys(rows)));
  const least = (table: string) => Math.min(...costs.map(({ rows }) => rows[table] ?? 0));
  const [fewest] = costs.map(({ statements }) => statements).toSorted((a, b) => a.length - b.length);
  return {
    statements: fewest ?? [],
    rows: Object.fromEntries([...tables].map((table) => [table, least(table)])),
  };
}

async function measure(read: Read): Promise<Cost> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await readRows();
    server.statements.length = 0;
    const answer = await read();
    const statements = [...server.statements];
    // It may have met one of the connections that were cut to count.
    if (answer.errors().length > 0 && attempt < 5) continue;
    answer.data();
    const after = await readRows();
    const rows = Object.entries(after).map(
      ([table, count]) => [table, count - (before[table] ?? 0)] as const,
    );
    return { statements, rows: Object.fromEntries(rows) };
  }
}

/** Rows that were fetched so far, by table. A backend tells at the latest when it ends, so those of the readers are ended. */
async function readRows(): Promise<Record<string, number>> {
  const readers = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'promptforge:reader'`;
  await server.database.query(`SELECT pg_terminate_backend(pid) ${readers}`);
  while ((await server.database.query(`SELECT pid ${readers}`)).length > 0);
  const rows = await server.database.query<{ table: string; count: string }>(
    `SELECT relname AS table, seq_tup_read + coalesce(idx_tup_fetch, 0) AS count FROM pg_stat_user_tables`,
  );
  return Object.fromEntries(rows.map(({ table, count }) => [table, Number(count)]));
}

describe.each([
  // Per prompt: latest, stable, two pointers' versions, three versions (and one to see whether there are more) and what they are based on.
  [
    'prompts with versions, channels and promotions',
    (first: number) => server.execute(List, { first }),
    { prompt_version: 13, promotion: 4, event: 6 },
  ],
  [
    'what a channel serves',
    (first: number) => server.execute(Serving, { first }),
    { prompt_version: 2, promotion: 2, event: 4 },
  ],
  [
    'events with prompts and promotions',
    (first: number) => server.execute(Events, { first }),
    { prompt_version: 3, promotion: 2, event: 5 },
  ],
] as const)('%s', (_what, read, rowsEach) => {
  it(`costs as many statements for 30 rows as for 10, and reads what it answers, not the ${VERSIONS} versions of each prompt`, async () => {
    const ten = await costOf(() => read(10));
    const thirty = await costOf(() => read(30));
    expect(ten.statements.length).toBeGreaterThan(0);
    expect(ten.statements.length).toBeLessThanOrEqual(8);
    expect(thirty.statements, thirty.statements.join('\n')).toHaveLength(ten.statements.length);
    for (const [table, each] of Object.entries(rowsEach)) {
      expect(ten.rows[table], `${table} for 10`).toBeLessThanOrEqual(10 * each + 10);
      expect(thirty.rows[table], `${table} for 30`).toBeLessThanOrEqual(30 * each + 10);
    }
    // Proof that rows are counted at all.
    expect(thirty.rows['prompt_version']).toBeGreaterThanOrEqual(30);
  });
});
