import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const Aliases = graphql(`
  query AliasesList {
    prompts(first: 10, filter: { folder: "alias" }) {
      edges {
        node {
          slug
          stable: version(channel: "stable") {
            number
          }
          first: version(number: 1) {
            number
            template
          }
          second: version(number: 2) {
            number
          }
          latestByChannel: version(channel: "latest") {
            number
            message
          }
          none: version(channel: "no-such") {
            number
          }
          latest {
            number
          }
          newestOnly: versions(first: 1) {
            edges {
              node {
                number
              }
            }
          }
          oldestTwo: versions(last: 2) {
            totalCount
            edges {
              node {
                number
                message
              }
            }
          }
          saves: promotions(channel: "latest", first: 1) {
            totalCount
          }
          moves: promotions(channel: "stable", first: 1) {
            totalCount
            edges {
              node {
                version {
                  number
                }
              }
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
});
afterAll(() => server.close());

describe('aliases of one field with different arguments', () => {
  it('each answer their own question, in every prompt of a list', async () => {
    for (const slug of ['alias/a', 'alias/b', 'alias/c']) {
      await createPrompt(server, slug, { content: { template: `one of ${slug}` }, message: 'm1' });
      await editPrompt(server, slug, { content: { template: 'two' }, message: 'm2' });
      await editPrompt(server, slug, { content: { template: 'three' }, message: 'm3' });
    }
    await promote(server, 'alias/b', 2);
    await promote(server, 'alias/c', 1);
    await promote(server, 'alias/c', 3);
    const { edges } = (await server.execute(Aliases)).data().prompts;
    const common = (slug: string) => ({
      slug,
      first: { number: 1, template: `one of ${slug}` },
      second: { number: 2 },
      latestByChannel: { number: 3, message: 'm3' },
      none: null,
      latest: { number: 3 },
      newestOnly: { edges: [{ node: { number: 3 } }] },
      oldestTwo: {
        totalCount: 3,
        edges: [{ node: { number: 2, message: 'm2' } }, { node: { number: 1, message: 'm1' } }],
      },
      saves: { totalCount: 3 },
    });
    expect(edges.map(({ node }) => node)).toEqual([
      { ...common('alias/a'), stable: null, moves: { totalCount: 0, edges: [] } },
      {
        ...common('alias/b'),
        stable: { number: 2 },
        moves: { totalCount: 1, edges: [{ node: { version: { number: 2 } } }] },
      },
      {
        ...common('alias/c'),
        stable: { number: 3 },
        moves: { totalCount: 2, edges: [{ node: { version: { number: 3 } } }] },
      },
    ]);
  });
});
