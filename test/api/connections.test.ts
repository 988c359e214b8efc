import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const Versions = graphql(`
  query ConnectionsVersions($first: Int, $after: String, $last: Int, $before: String) {
    prompt(slug: "many/versions") {
      versions(first: $first, after: $after, last: $last, before: $before) {
        totalCount
        pageInfo {
          hasNextPage
          hasPreviousPage
          startCursor
          endCursor
        }
        edges {
          cursor
          node {
            number
          }
        }
      }
    }
  }
`);

const Promotions = graphql(`
  query ConnectionsPromotions($channel: String, $first: Int, $after: String, $last: Int, $before: String) {
    prompt(slug: "many/versions") {
      promotions(channel: $channel, first: $first, after: $after, last: $last, before: $before) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            kind
            reason
            channel {
              name
            }
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

const Serving = graphql(`
  query ConnectionsServing($channel: String!, $first: Int, $after: String) {
    channel(name: $channel) {
      name
      serving(first: $first, after: $after) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            since
            channel {
              name
            }
            prompt {
              slug
            }
            version {
              number
            }
            promotion {
              kind
            }
          }
        }
      }
    }
  }
`);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'many/versions');
  for (let n = 2; n <= 7; n += 1)
    await editPrompt(server, 'many/versions', { content: { template: `text ${n}` } });
  await promote(server, 'many/versions', 2, { reason: 'first' });
  await promote(server, 'many/versions', 5, { reason: 'second' });
  for (const name of ['a', 'b', 'c']) {
    await createPrompt(server, `served/${name}`);
    await promote(server, `served/${name}`, 1);
  }
});
afterAll(() => server.close());

async function versions(variables: { first?: number; after?: string; last?: number; before?: string }) {
  const { prompt } = (await server.execute(Versions, variables)).data();
  if (!prompt) throw new Error('the prompt is missing');
  const { edges, ...rest } = prompt.versions;
  return { ...rest, numbers: edges.map(({ node }) => node.number) };
}

describe('the versions of a prompt', () => {
  it('come newest first and in pages that stay right while versions are saved', async () => {
    const first = await versions({ first: 3 });
    expect(first).toMatchObject({
      numbers: [7, 6, 5],
      totalCount: 7,
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
    });
    await editPrompt(server, 'many/versions', { content: { template: 'text 8' } });
    const second = await versions({ first: 3, after: first.pageInfo.endCursor ?? '' });
    expect(second).toMatchObject({ numbers: [4, 3, 2], totalCount: 8 });
    const third = await versions({ first: 3, after: second.pageInfo.endCursor ?? '' });
    expect(third).toMatchObject({ numbers: [1], pageInfo: { hasNextPage: false, hasPreviousPage: true } });
    const back = await versions({ last: 2, before: third.pageInfo.startCursor ?? '' });
    expect(back).toMatchObject({ numbers: [3, 2], pageInfo: { hasPreviousPage: true, hasNextPage: true } });
    expect(await versions({ last: 2 })).toMatchObject({ numbers: [2, 1], pageInfo: { hasNextPage: false } });
  });
});

describe('the promotions of a prompt', () => {
  it('come newest first, of all channels or of one, also in pages', async () => {
    const stable = (await server.execute(Promotions, { channel: 'stable' })).data().prompt?.promotions;
    expect(stable?.totalCount).toBe(2);
    expect(stable?.edges.map(({ node }) => node)).toEqual([
      {
        kind: 'PROMOTION',
        reason: 'second',
        channel: { name: 'stable' },
        version: { number: 5 },
        previousVersion: { number: 2 },
      },
      {
        kind: 'PROMOTION',
        reason: 'first',
        channel: { name: 'stable' },
        version: { number: 2 },
        previousVersion: null,
      },
    ]);
    const latest = (await server.execute(Promotions, { channel: 'latest', first: 1 })).data().prompt
      ?.promotions;
    expect(latest?.edges[0]?.node).toMatchObject({
      kind: 'SAVE',
      channel: { name: 'latest' },
      version: { number: 8 },
      previousVersion: { number: 7 },
    });
    const saves = latest?.totalCount ?? 0;
    const page = (await server.execute(Promotions, { first: 4 })).data().prompt?.promotions;
    expect(page?.totalCount).toBe(saves + 2);
    const rest = (
      await server.execute(Promotions, { first: 100, after: page?.pageInfo.endCursor ?? null })
    ).data().prompt?.promotions;
    expect(rest?.edges).toHaveLength(saves + 2 - 4);
    expect(
      (await server.execute(Promotions, { channel: 'no-such' })).data().prompt?.promotions,
    ).toMatchObject({ totalCount: 0, edges: [] });
  });
});

describe('what a channel serves', () => {
  it('comes in pages, in the order in which the prompts were created', async () => {
    const first = (await server.execute(Serving, { channel: 'stable', first: 3 })).data().channel?.serving;
    expect(first?.totalCount).toBe(4);
    expect(first?.edges.map(({ node }) => `${node.prompt.slug} ${node.version.number}`)).toEqual([
      'many/versions 5',
      'served/a 1',
      'served/b 1',
    ]);
    expect(first?.edges[0]?.node).toMatchObject({
      channel: { name: 'stable' },
      promotion: { kind: 'PROMOTION' },
    });
    const rest = (
      await server.execute(Serving, { channel: 'stable', first: 3, after: first?.pageInfo.endCursor ?? null })
    ).data().channel?.serving;
    expect(rest?.edges.map(({ node }) => node.prompt.slug)).toEqual(['served/c']);
  });

  it('leaves out what was withdrawn', async () => {
    await server.execute(
      'mutation { withdrawPrompt(input: { slug: "served/b", channel: "stable" }) { __typename } }',
    );
    const serving = (await server.execute(Serving, { channel: 'stable', first: 100 })).data().channel
      ?.serving;
    expect(serving?.totalCount).toBe(3);
    expect(serving?.edges.map(({ node }) => node.prompt.slug)).toEqual([
      'many/versions',
      'served/a',
      'served/c',
    ]);
    const pointers = await server.execute(
      '{ prompt(slug: "served/b") { channels { channel { name } version { number } } } }',
    );
    expect(pointers.data()).toEqual({
      prompt: { channels: [{ channel: { name: 'latest' }, version: { number: 1 } }] },
    });
  });

  it.each(['no-such', '', 'Stable', 'x'.repeat(100)])('is null for the channel %j', async (channel) => {
    expect((await server.execute(Serving, { channel })).data().channel).toBeNull();
  });

  it('can be asked of all channels at once, by name', async () => {
    await server.execute(
      'mutation { createChannel(input: { name: "canary", description: "d" }) { __typename } }',
    );
    const { channels } = (
      await server.execute('{ channels { name description serving { totalCount } } }')
    ).data() as {
      channels: { name: string; serving: { totalCount: number } }[];
    };
    expect(channels.map(({ name, serving }) => [name, serving.totalCount])).toEqual([
      ['canary', 0],
      ['latest', 4],
      ['stable', 3],
    ]);
  });
});
