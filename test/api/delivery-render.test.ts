import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'fill/text', {
    content: { template: 'Hi {{name}}, {{n}}', variables: [{ name: 'n', type: 'NUMBER', default: 7 }] },
  });
  await promote(server, 'fill/text', 1);
  await editPrompt(server, 'fill/text', { content: { template: 'Newest {{name}}' } });
  await createPrompt(server, 'fill/chat', {
    content: { messages: [{ role: 'SYSTEM', content: 'I am {{who}}', name: 'bot' }] },
  });
  await promote(server, 'fill/chat', 1);
});
afterAll(() => server.close());

function render(slug: string, body: BodyInit | null, query = ''): Promise<Response> {
  const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
  return fetch(`${server.url}/v1/prompts/${slug}/render${query}`, { method: 'POST', headers, body });
}

const renderJson = (slug: string, body: unknown, query?: string) => render(slug, JSON.stringify(body), query);

describe('POST /v1/prompts/{slug}/render', () => {
  it('fills what stable serves, and says which version that was', async () => {
    const response = await renderJson('fill/text', { variables: { name: '{{n}} Ada' } });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      slug: 'fill/text',
      version: 1,
      channel: 'stable',
      text: 'Hi {{n}} Ada, 7',
    });
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-promptforge-version')).toBe('1');
    expect(response.headers.get('x-promptforge-cursor')).toBe(
      (await server.get('/v1/prompts/fill/text')).headers.get('x-promptforge-cursor'),
    );
  });

  it('fills other channels and numbers, escaped slugs, and chats message by message', async () => {
    expect(
      await (await renderJson('fill/text', { variables: { name: 'x' } }, '?_version=latest')).json(),
    ).toMatchObject({ version: 2, channel: 'latest', text: 'Newest x' });
    expect(
      await (await renderJson('fill%2Ftext', { variables: { name: 'x' } }, '?_version=2')).json(),
    ).toMatchObject({ version: 2, channel: null });
    expect(await (await renderJson('fill/chat', { variables: { who: 'Ada' } })).json()).toEqual({
      slug: 'fill/chat',
      version: 1,
      channel: 'stable',
      messages: [{ role: 'SYSTEM', content: 'I am Ada', name: 'bot' }],
    });
  });

  it('reports everything that is wrong with the values at once', async () => {
    const response = await renderJson('fill/text', { variables: { n: 'seven', more: 1 } });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(await response.json()).toMatchObject({
      status: 400,
      code: 'VARIABLES_INVALID',
      missing: ['name'],
      unknown: ['more'],
      invalid: ['n'],
    });
    expect(await (await renderJson('fill/text', {})).json()).toMatchObject({ missing: ['name'] });
  });

  it('leaves what is missing as written and ignores what is unknown when not strict', async () => {
    const response = await renderJson('fill/text', { variables: { more: 1 }, strict: false });
    expect(await response.json()).toMatchObject({ text: 'Hi {{name}}, 7' });
  });

  it.each<[string, BodyInit | null]>([
    ['nothing', null],
    ['an empty text', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a number', '1'],
    [
      'invalid UTF-8',
      new Uint8Array([...Buffer.from('{"variables":{"name":"'), 0xff, ...Buffer.from('"}}')]),
    ],
    ['variables that are a list', '{"variables":[]}'],
    ['variables that are null', '{"variables":null}'],
    ['variables that are a text', '{"variables":"a"}'],
    ['strict that is no boolean', '{"strict":"yes"}'],
  ])('refuses %s as its body', async (_what, body) => {
    const response = await render('fill/text', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ status: 400, code: 'INVALID_INPUT' });
  });

  it('treats own names only as values', async () => {
    const response = await render('fill/text', '{"variables":{"name":"x","__proto__":{"n":1}}}');
    expect(await response.json()).toMatchObject({ code: 'VARIABLES_INVALID', unknown: ['__proto__'] });
  });

  it('answers 404 for what is not served and 400 for a bad slug or _version', async () => {
    expect((await renderJson('no/such', {})).status).toBe(404);
    expect((await renderJson('fill/text', {}, '?_version=9')).status).toBe(404);
    expect((await renderJson('fill/text', {}, '?_version=0')).status).toBe(400);
    expect((await renderJson('UPPER', {})).status).toBe(400);
  });

  it('is a verb of POST only: a GET reads a prompt of that name', async () => {
    await createPrompt(server, 'fill/text/render', { content: { template: 'a prompt called render' } });
    expect(await (await server.get('/v1/prompts/fill/text/render?_version=latest')).json()).toMatchObject({
      slug: 'fill/text/render',
    });
    const put = await fetch(`${server.url}/v1/prompts/fill/text/render`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${server.adminKey}` },
    });
    expect(put.status).toBe(405);
  });

  it('may be called with a reader key, within its body limit', async () => {
    const { key } = await server.createKey('VIEWER');
    const send = (body: string) =>
      fetch(`${server.url}/v1/prompts/fill/chat/render`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body,
      });
    expect((await send(JSON.stringify({ variables: { who: 'x'.repeat(1_000) } }))).status).toBe(200);
    expect((await send(JSON.stringify({ variables: { who: 'x'.repeat(70_000) } }))).status).toBe(413);
  });
});
