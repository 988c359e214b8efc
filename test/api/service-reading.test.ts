import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { keyOf } from './limited-keys.ts';
import { createPrompt, promote } from './registry.ts';

const COVERED = 'support/one';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const slug of [COVERED, 'sales/one', 'sales/draft']) await createPrompt(server, slug);
  for (const slug of [COVERED, 'sales/one']) await promote(server, slug, 1);
});
afterAll(() => server.close());

async function codesOf(key: string, query: string, variables: object = {}) {
  const answer = await server.execute(query, variables as Record<string, unknown>, { key });
  return answer.errors().map(({ extensions }) => extensions?.code);
}

describe('a service that is limited to nothing', () => {
  it('reads what every channel serves, and nothing that no channel serves', async () => {
    const key = await keyOf(server, 'SERVICE', {});
    const query =
      'query ($slug: String!) { prompt(slug: $slug) { version(channel: "stable") { number } channels { channel { name } } } channel(name: "stable") { serving { totalCount edges { node { version { number } } } } } }';
    expect((await server.execute(query, { slug: COVERED }, { key })).data()).toMatchObject({
      prompt: { version: { number: 1 } },
      channel: { serving: { totalCount: 2, edges: [{ node: {} }, { node: {} }] } },
    });
    expect(
      await codesOf(key, 'query ($slug: String!) { prompt(slug: $slug) { latest { number } } }', {
        slug: COVERED,
      }),
    ).toEqual(['FORBIDDEN']);
    for (const asked of [
      'channel(name: "stable") { policies { pattern } }',
      'promotionRequests { totalCount }',
      'apiKeys { totalCount }',
    ])
      expect(await codesOf(key, `{ ${asked} }`)).toEqual(['FORBIDDEN']);
  });
});
