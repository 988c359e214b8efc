import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const versions = (core: string) => `versions(first: $n) { edges { node { ${core} } } }`;
const query = `query($n: Int!) {
  prompts(first: $n) { edges { node { ${versions(`prompt { ${versions('number')} }`)} } } }
}`;

describe('an operation that would read too many rows', () => {
  it('is refused by what its variables say, before a statement is made', async () => {
    const small = { n: 10 };
    expect((await server.execute(query, small)).data()).toEqual({ prompts: { edges: [] } });
    const tagged = () => server.statements.filter((sql) => sql.includes('"prompt'));
    expect(tagged()).not.toEqual([]);
    server.statements.length = 0;

    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body: JSON.stringify({ query, variables: { n: 100 } }),
    });
    const body = (await response.json()) as Record<string, unknown>;
    expect(body).not.toHaveProperty('data');
    expect(body['errors']).toMatchObject([
      { extensions: { code: 'QUERY_LIMIT', limit: 'rows', max: 15_000, found: 1_010_100 } },
    ]);
    expect(tagged()).toEqual([]);
    // The text is the same and its parsed form is kept: the refusal must not be kept with it.
    expect((await server.execute(query, small)).data()).toEqual({ prompts: { edges: [] } });
  });
});
