import { pino } from 'pino';
import { v7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import type { OpenStream } from '../../src/db/stream-subscribers.ts';
import { startSubscriberTable } from '../../src/server/subscriber-table.ts';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createOtherWorkspace } from './registry.ts';

const Subscribers = graphql(`
  query SubscribersOfChannel(
    $channel: String! = "stable"
    $first: Int
    $after: String
    $last: Int
    $before: String
  ) {
    channel(name: $channel) {
      subscribers(first: $first, after: $after, last: $last, before: $before) {
        totalCount
        pageInfo {
          hasNextPage
          hasPreviousPage
          endCursor
          startCursor
        }
        edges {
          node {
            actor {
              kind
              name
            }
            transport
            prompts
            since
            lastCursor
          }
        }
      }
    }
  }
`);

let server: TestServer;
let opened: Database;
let workspaceId: string;

beforeAll(async () => {
  server = await startTestServer();
  opened = openDatabase({
    address: { connectionString: server.database.url },
    onIdleError: () => undefined,
  });
  const workspace = await opened.reader.workspace.findUniqueOrThrow({ where: { slug: 'default' } });
  workspaceId = workspace.id;
});

afterAll(async () => {
  await opened.close();
  await server.close();
});

beforeEach(async () => {
  await server.database.query('TRUNCATE stream_node CASCADE');
});

const alone = (cursor: string | null) => ({ sharedId: null, cursor });

function stream(values: Partial<OpenStream> = {}): OpenStream {
  return {
    id: v7(),
    workspaceId,
    channel: 'stable',
    prompts: null,
    transport: 'WEBSOCKET',
    actorId: 'k',
    actorKind: 'API_KEY',
    actorName: 'web',
    since: new Date('2026-11-24T12:00:00Z'),
    told: alone(null),
    instance: null,
    ...values,
  };
}

/** Another node that has these streams open. */
async function list(open: readonly OpenStream[]): Promise<void> {
  const log = pino({ level: 'silent' });
  const table = startSubscriberTable({ database: opened, nodeId: v7(), openStreams: () => open, log });
  onTestFinished(() => table.stop());
  await table.write();
}

const pageOf = async (variables: object = {}) => {
  const page = (await server.execute(Subscribers, variables)).data().channel?.subscribers;
  if (!page) throw new Error('no such channel');
  return page;
};
const namesOf = (page: Awaited<ReturnType<typeof pageOf>>) => page.edges.map(({ node }) => node.actor.name);

describe('the subscribers of a channel', () => {
  it('are those of every node, the newest first, with how far each is', async () => {
    await list([
      stream({ actorName: 'early', since: new Date('2026-11-24T11:00:00Z'), prompts: ['a', 'b/*'] }),
      stream({ channel: 'latest' }),
    ]);
    await list([
      stream({ actorName: 'late', actorKind: 'USER', transport: 'SSE', told: alone('c'), prompts: [] }),
    ]);
    const page = await pageOf();
    expect(page.totalCount).toBe(2);
    expect(page.edges.map(({ node }) => node)).toEqual([
      {
        actor: { kind: 'USER', name: 'late' },
        transport: 'SSE',
        prompts: [],
        since: '2026-11-24T12:00:00.000Z',
        lastCursor: 'c',
      },
      {
        actor: { kind: 'API_KEY', name: 'early' },
        transport: 'WEBSOCKET',
        prompts: ['a', 'b/*'],
        since: '2026-11-24T11:00:00.000Z',
        lastCursor: null,
      },
    ]);
    expect((await pageOf({ channel: 'latest' })).edges).toMatchObject([{ node: { prompts: null } }]);
  });

  it('who were told the same are as far as their place, asked for once; one whose place is gone, as far as it was itself', async () => {
    const shared = { sharedId: v7(), cursor: 'c1' };
    const streams = [stream({ told: shared }), stream({ told: shared })];
    await list(streams);
    const cursors = async () => (await pageOf()).edges.map(({ node }) => node.lastCursor);
    await server.database.query(`UPDATE stream_place SET cursor = 'c2'`);
    server.statements.length = 0;
    expect(await cursors()).toEqual(['c2', 'c2']);
    expect(server.statements.filter((sql) => sql.includes('stream_place'))).toHaveLength(1);
    await server.database.query('DELETE FROM stream_place');
    expect(await cursors()).toEqual(['c1', 'c1']);
  });

  it('come in pages that miss and repeat nobody, though all came at the same moment', async () => {
    await list(Array.from({ length: 7 }, (_, index) => stream({ actorName: `n${index}` })));
    const all = namesOf(await pageOf());
    expect(new Set(all).size).toBe(7);
    const forward: string[] = [];
    let after: string | null | undefined;
    do {
      const page = await pageOf({ first: 3, after });
      forward.push(...namesOf(page));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after);
    expect(forward).toEqual(all);
    const end = await pageOf({ last: 3 });
    expect(namesOf(end)).toEqual(all.slice(-3));
    expect(namesOf(await pageOf({ last: 3, before: end.pageInfo.startCursor }))).toEqual(all.slice(1, 4));
  });

  it('are gone with a node that was not heard of for 30 s', async () => {
    await list([stream()]);
    await server.database.query(`UPDATE stream_node SET seen_at = now() - interval '25 seconds'`);
    expect(await pageOf()).toMatchObject({ totalCount: 1, edges: [{}] });
    await server.database.query(`UPDATE stream_node SET seen_at = now() - interval '31 seconds'`);
    expect(await pageOf()).toMatchObject({ totalCount: 0, edges: [] });
  });

  it('stay in their workspace', async () => {
    const other = await createOtherWorkspace(server);
    await list([stream({ workspaceId: other.workspaceId })]);
    expect(await pageOf()).toMatchObject({ totalCount: 0, edges: [] });
  });

  it('cost as many statements for all channels as for one', async () => {
    await list([stream(), stream({ channel: 'latest' })]);
    const statementsOf = async (query: string) => {
      await server.execute(query);
      server.statements.length = 0;
      (await server.execute(query)).data();
      return server.statements.filter((sql) => /stream_|"channel"/.test(sql));
    };
    const core = 'name subscribers(first: 5) { totalCount edges { node { prompts } } }';
    const one = await statementsOf(`{ channel(name: "stable") { ${core} } }`);
    const all = await statementsOf(`{ channels { ${core} } }`);
    expect(one.length).toBeLessThanOrEqual(4);
    expect(all, all.join('\n')).toHaveLength(one.length);
  });
});
