import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeFeedCursor } from '../../src/domain/cursor.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';
import { createPrompt, promote } from './registry.ts';

const CURSOR = 'X-PromptForge-Cursor';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'own/one');
});
afterAll(() => server.close());

async function send(document: string) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    body: JSON.stringify({ query: document }),
  });
  const body = (await response.json()) as {
    data: Record<string, object | null> | null;
    extensions?: Record<string, string>;
  };
  return { body, header: response.headers.get(CURSOR), extension: body.extensions?.[CURSOR] ?? null };
}

async function headCursor(): Promise<string> {
  const answer = await server.execute<{ workspace: { headCursor: string } }, object>(
    '{ workspace { headCursor } }',
  );
  return answer.data().workspace.headCursor;
}

const edit = (alias: string, more = '') =>
  `${alias}: editPrompt(input: { slug: "own/one", content: { template: "${alias}" } ${more} }) { ... on PromptVersion { number } ... on Error { code } }`;

describe('the answer to a mutation', () => {
  it('carries the cursor of the end of its commit, in a header and in the extensions', async () => {
    const { header, extension } = await send(`mutation { ${edit('a')} }`);
    expect(header).toBe(await headCursor());
    expect(extension).toBe(header);
  });

  it('carries it in the extensions over a WebSocket too, and a query carries none', async () => {
    const socket = await openAcknowledged(server.url, server.adminKey);
    const ask = async (id: string, query: string) => {
      socket.send({ type: 'subscribe', id, payload: { query } });
      for (;;) {
        const { type, payload } = await socket.next();
        if (type === 'next') return (payload as { extensions?: object }).extensions;
      }
    };
    expect(await ask('1', `mutation { ${edit('w')} }`)).toEqual({ [CURSOR]: await headCursor() });
    expect(await ask('2', '{ channels { name } }')).toBeUndefined();
  });

  it('carries the same cursor as the promotion that it made', async () => {
    const { body, header } = await send(
      'mutation { promoteVersion(input: { slug: "own/one", version: 1 }) { ... on Promotion { cursor } } }',
    );
    expect(body.data?.['promoteVersion']).toEqual({ cursor: header });
    const delivered = await server.get('/v1/prompts/own/one');
    expect(delivered.headers.get(CURSOR)).toBe(header);
  });

  it('carries the last of several', async () => {
    const before = decodeFeedCursor('before', await headCursor()).seq;
    const { body, header, extension } = await send(`mutation { ${edit('b')} ${edit('c')} ${edit('d')} }`);
    expect(Object.keys(body.data ?? {})).toEqual(['b', 'c', 'd']);
    expect([header, extension]).toEqual([await headCursor(), await headCursor()]);
    expect(decodeFeedCursor('after', header ?? '').seq).toBeGreaterThanOrEqual(before + 3n);
  });

  it('carries the last that committed when others were refused', async () => {
    const { body, header } = await send(`mutation { ${edit('e')} ${edit('f', ', baseVersion: 1')} }`);
    expect(body.data?.['f']).toEqual({ code: 'EDIT_CONFLICT' });
    expect(header).toBe(await headCursor());
  });

  it('carries none when nothing was committed', async () => {
    expect((await send(`mutation { ${edit('g')} }`)).header).not.toBeNull();
    for (const document of [
      `mutation { ${edit('g', ', onlyIfChanged: true')} }`,
      `mutation { ${edit('h', ', baseVersion: 1')} }`,
      'mutation { archivePrompt(input: { slug: "own/unknown" }) { ... on Error { code } } }',
      '{ viewer { role } }',
    ]) {
      const { body, header } = await send(document);
      expect([header, body.extensions], document).toEqual([null, undefined]);
    }
  });

  it('of a repetition carries a cursor that has the first commit behind it', async () => {
    const again = `mutation { ${edit('i', ', idempotencyKey: "once"')} }`;
    const first = await send(again);
    expect((await send(again)).header).toBe(first.header);
    await promote(server, 'own/one', 2);
    const later = await send(again);
    expect(later.body.data).toEqual(first.body.data);
    expect([later.header, later.extension]).toEqual([await headCursor(), await headCursor()]);
  });
});
