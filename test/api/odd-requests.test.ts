import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRaw } from '../support/raw-connection.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { metricBecomes, metricOf } from '../support/streams.ts';
import { createPrompt } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'bodies/one');
});
afterAll(() => server.close());

describe('a client that leaves in the middle of its body', () => {
  const counted = (route: string) => `promptforge_http_requests_total{route="${route}",status="499"}`;

  it.each([
    ['/graphql', 'graphql', 'Content-Length: 1000'],
    ['/graphql', 'graphql', 'Transfer-Encoding: chunked'],
    ['/v1/prompts/bodies/one/render', 'delivery', 'Content-Length: 1000'],
    ['/v1/prompts/bodies/one/render', 'delivery', 'Transfer-Encoding: chunked'],
  ])('is counted as one that was not answered, and is no fault: %s %s %s', async (path, route, length) => {
    const before = await metricOf(server, counted(route));
    server.logged.length = 0;
    const raw = await openRaw(server.url);
    const head = [`POST ${path} HTTP/1.1`, 'Host: here', `Authorization: Bearer ${server.adminKey}`, length];
    raw.write(`${[...head, 'Content-Type: application/json', 'Expect: 100-continue'].join('\r\n')}\r\n\r\n`);
    await raw.waitFor('100 Continue');
    raw.write('1\r\n{\r\n');
    raw.destroy();
    await metricBecomes(server, counted(route), before + 1);
    expect(server.logged.filter(({ level }) => level >= 40)).toEqual([]);
  });
});

it('a request may name the address before its path', async () => {
  const raw = await openRaw(server.url);
  const head = [`GET ${server.url}/v1/prompts/bodies/one?_version=latest HTTP/1.1`, 'Host: here'];
  raw.write(`${[...head, `Authorization: Bearer ${server.adminKey}`].join('\r\n')}\r\n\r\n`);
  await raw.waitFor('"slug":"bodies/one"');
  raw.write('GET http://here HTTP/1.1\r\nHost: here\r\n\r\n');
  await raw.waitFor('there is nothing here');
  expect(raw.received().toString()).toMatch(/^HTTP\/1\.1 200 /);
});
