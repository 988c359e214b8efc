import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

describe('GraphQL by GET', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  const get = (parameters: Record<string, string>) =>
    server.get(`/graphql?${new URLSearchParams({ query: '{ viewer { role } }', ...parameters })}`, {
      accept: 'application/json',
    });

  it.each(['x', '{"a":[[[', '[]', '7', 'true'])(
    'answers variables and extensions %j as what they are: wrong',
    async (text) => {
      for (const name of ['variables', 'extensions']) {
        const answer = await get({ [name]: text });
        expect(answer.status).toBe(400);
        expect(await answer.json()).toMatchObject({ code: 'INVALID_INPUT', field: name });
      }
      expect(server.logged.filter(({ level }) => level >= 50)).toEqual([]);
    },
  );

  it('takes objects, null and nothing', async () => {
    for (const variables of ['{}', '{"a":1}', 'null', '']) {
      expect(await (await get({ variables })).json()).toEqual({ data: { viewer: { role: 'ADMIN' } } });
    }
  });

  it('takes a content type in any case by POST', async () => {
    const answer = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'Application/JSON' },
      body: JSON.stringify({ query: '{ viewer { role } }' }),
    });
    expect(await answer.json()).toEqual({ data: { viewer: { role: 'ADMIN' } } });
  });
});
