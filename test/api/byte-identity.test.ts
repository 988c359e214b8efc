import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

const Read = graphql(`
  query BytesRead($slug: String!) {
    prompt(slug: $slug) {
      latest {
        template
        messages {
          content
        }
      }
    }
  }
`);

const TEXTS: Readonly<Record<string, string>> = {
  crlf: 'a\r\nb\rc\nd\r\n\r\n',
  bom: '\uFEFFbegins with a byte order mark',
  emoji: '👩‍👩‍👧‍👦 \u{1F600} é vs e\u0301 ﬁ \u{10FFFF}',
  blank: ' \t\n ',
  empty: '',
  escapes: '\\ \\n \\u0041 " \' ` ${x} $& %s \u2028\u2029 \u0001\u007F\u0085',
  long: Array.from({ length: 23_000 }, (_, n) => `line ${n} ß\n`)
    .join('')
    .slice(0, 230_000),
};

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const bytes = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');

describe('a text', () => {
  it.each(Object.keys(TEXTS))(
    'comes out byte for byte as it went in, through GraphQL and REST: %s',
    async (name) => {
      const text = TEXTS[name] ?? '';
      const slug = `bytes/${name}`;
      await createPrompt(server, slug, { content: { template: text } });
      await promote(server, slug, 1);
      const latest = (await server.execute(Read, { slug })).data().prompt?.latest;
      expect(bytes(latest?.template ?? 'none')).toBe(bytes(text));
      const json = (await (await server.get(`/v1/prompts/${slug}`)).json()) as { template: string };
      expect(bytes(json.template)).toBe(bytes(text));
      const plain = Buffer.from(
        await (await server.get(`/v1/prompts/${slug}`, { accept: 'text/plain' })).arrayBuffer(),
      );
      expect(plain.equals(Buffer.from(text, 'utf8'))).toBe(true);
    },
  );

  it('comes out the same as a message of a chat', async () => {
    const messages = Object.values(TEXTS).map((content) => ({ role: 'USER' as const, content }));
    await createPrompt(server, 'bytes/chat', { content: { messages } });
    const latest = (await server.execute(Read, { slug: 'bytes/chat' })).data().prompt?.latest;
    expect(latest?.messages?.map(({ content }) => bytes(content))).toEqual(
      messages.map(({ content }) => bytes(content)),
    );
    const json = (await (await server.get('/v1/prompts/bytes/chat?_version=1')).json()) as {
      messages: { content: string }[];
    };
    expect(json.messages.map(({ content }) => bytes(content))).toEqual(
      messages.map(({ content }) => bytes(content)),
    );
  });
});
