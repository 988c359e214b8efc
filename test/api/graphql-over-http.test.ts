import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** The audits only need to know where the server is when they run: their names are known before. */
const audits = serverAudits({
  url: () => `${server.url}/graphql`,
  fetchFn: (url: string, init: RequestInit = {}) =>
    fetch(url, { ...init, headers: { ...headersOf(init), authorization: `Bearer ${server.adminKey}` } }),
});

function headersOf({ headers }: RequestInit): Record<string, string> {
  return Object.fromEntries(new Headers(headers).entries());
}

describe('GraphQL over HTTP, by the audits of graphql-http against the whole server', () => {
  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))(
    '%s %s',
    async (_id, _name, audit) => {
      const result = await audit.fn();
      expect([result.status, 'reason' in result ? result.reason : '']).toEqual(['ok', '']);
    },
  );

  it('are all there are', () => {
    expect(audits.length).toBeGreaterThanOrEqual(60);
  });
});
