import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'deliver/text');
  await promote(server, 'deliver/text', 1);
});
afterAll(() => server.close());

const TEXT = '/v1/prompts/deliver/text';

/** A request whose path goes out exactly as written: fetch would resolve "." and ".." first. */
function raw(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const headers = { authorization: `Bearer ${server.adminKey}`, ...options.headers };
    const sent = request({ hostname, port, path, method: options.method ?? 'GET', headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('what is not there', () => {
  async function problemOf(path: string): Promise<unknown> {
    const { status, body } = await raw(path);
    expect(JSON.parse(body)).toMatchObject({ type: 'about:blank', status });
    return JSON.parse(body);
  }

  it.each([
    '',
    '/',
    '.',
    '..',
    '../x',
    'a/../b',
    'a/./b',
    '%2e%2e/x',
    'a/%2E',
    'a//b',
    'a/',
    '/a',
    'Upper',
    'a%20b',
    'a%00',
    '%',
    '%zz',
    '%ff',
    'a%5Cb',
    'größe',
    'x'.repeat(201),
  ])('is a bad slug: %j', async (slug) => {
    expect(await problemOf(`/v1/prompts/${encodeURI(slug).replaceAll('%25', '%')}`)).toMatchObject({
      status: 400,
      code: 'INVALID_INPUT',
    });
  });

  it.each([
    '0',
    '-1',
    '1.5',
    '99999999999',
    '2147483648',
    '',
    'Stable',
    'stable%20',
    '01',
    '+1',
    '1e3',
    '%00',
    '%ff',
    'latest&_version=stable',
    '1&_version=1',
    '9x',
    '1?',
    '1?a=1',
    'x'.repeat(33),
  ])('is a bad _version: %j', async (version) => {
    expect(await problemOf(`${TEXT}?_version=${version}`)).toMatchObject({
      status: 400,
      code: 'INVALID_INPUT',
    });
  });

  it('is looked for in everything after the first question mark', async () => {
    expect(await problemOf(`${TEXT}?a=1?b=2&_version=3`)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });

  it.each([
    ['/v1/prompts/no/such', 'NOT_FOUND'],
    [`${TEXT}?_version=3`, 'NOT_FOUND'],
    [`${TEXT}?_version=2147483647`, 'NOT_FOUND'],
    [`${TEXT}?_version=canary`, 'NOT_FOUND'],
    ['/v1/prompts/deliver', 'NOT_FOUND'],
    ['/v1/other', 'NOT_FOUND'],
    ['/', 'NOT_FOUND'],
    ['/graphqlx', 'NOT_FOUND'],
  ])('is 404: %s', async (path, code) => {
    expect(await problemOf(path)).toMatchObject({ status: 404, code });
  });

  it('never falls back: a prompt that was saved and not promoted is 404 on stable and on every other channel', async () => {
    await createPrompt(server, 'never/promoted');
    await server.execute('mutation { createChannel(input: { name: "beta" }) { __typename } }');
    expect(await problemOf('/v1/prompts/never/promoted')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await problemOf('/v1/prompts/never/promoted?_version=beta')).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    });
    expect(await problemOf(`${TEXT}?_version=beta`)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect((await server.get('/v1/prompts/never/promoted?_version=latest')).status).toBe(200);
    await promote(server, 'never/promoted', 1, { channel: 'beta' });
    expect((await server.get('/v1/prompts/never/promoted?_version=beta')).status).toBe(200);
    expect(await problemOf('/v1/prompts/never/promoted')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });

  it('is 404 at once after a withdrawal, and served again after a rollback', async () => {
    await createPrompt(server, 'withdraw/me');
    await promote(server, 'withdraw/me', 1);
    expect((await server.get('/v1/prompts/withdraw/me')).status).toBe(200);
    await server.execute(
      'mutation { withdrawPrompt(input: { slug: "withdraw/me", channel: "stable" }) { __typename } }',
    );
    expect(await problemOf('/v1/prompts/withdraw/me')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect((await server.get('/v1/prompts/withdraw/me?_version=latest')).status).toBe(200);
    await server.execute('mutation { rollbackChannel(input: { slug: "withdraw/me" }) { __typename } }');
    expect((await server.get('/v1/prompts/withdraw/me')).status).toBe(200);
  });

  it('is an archived prompt on its channels, while its numbers and latest are still served', async () => {
    await createPrompt(server, 'archive/me');
    await promote(server, 'archive/me', 1);
    expect((await server.get('/v1/prompts/archive/me')).status).toBe(200);
    await server.execute('mutation { archivePrompt(input: { slug: "archive/me" }) { __typename } }');
    expect(await problemOf('/v1/prompts/archive/me')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await (await server.get('/v1/prompts/archive/me?_version=1')).json()).toMatchObject({
      version: 1,
    });
    expect(await (await server.get('/v1/prompts/archive/me?_version=latest')).json()).toMatchObject({
      version: 1,
      channel: 'latest',
    });
    await server.execute('mutation { restorePrompt(input: { slug: "archive/me" }) { __typename } }');
    expect(await problemOf('/v1/prompts/archive/me')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });

  it('is the old slug after a rename, on channels and by number, and the old one can be taken anew', async () => {
    await createPrompt(server, 'rename/old', { content: { template: 'mine' } });
    await promote(server, 'rename/old', 1);
    for (const version of ['stable', 'latest', '1'])
      expect((await server.get(`/v1/prompts/rename/old?_version=${version}`)).status).toBe(200);
    await server.execute(
      'mutation { updatePrompt(input: { slug: "rename/old", newSlug: "rename/new" }) { __typename } }',
    );
    for (const version of ['stable', 'latest', '1']) {
      expect(await problemOf(`/v1/prompts/rename/old?_version=${version}`)).toMatchObject({
        status: 404,
        code: 'NOT_FOUND',
      });
      expect(await (await server.get(`/v1/prompts/rename/new?_version=${version}`)).json()).toMatchObject({
        slug: 'rename/new',
        template: 'mine',
      });
    }
    await createPrompt(server, 'rename/old', { content: { template: 'another' } });
    expect(await problemOf('/v1/prompts/rename/old')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await (await server.get('/v1/prompts/rename/old?_version=latest')).json()).toMatchObject({
      template: 'another',
    });
    expect(await (await server.get('/v1/prompts/rename/new')).json()).toMatchObject({ template: 'mine' });
  });
});
