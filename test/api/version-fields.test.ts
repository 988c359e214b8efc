import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const Version = graphql(`
  query VersionFieldsVersion($slug: String!, $number: Int, $channel: String) {
    prompt(slug: $slug) {
      version(number: $number, channel: $channel) {
        number
        kind
        template
        messages {
          role
          content
          name
        }
        config
        variables {
          name
          type
          required
          default
          description
          options
          declared
        }
        message
        author {
          kind
          name
        }
        contentHash
        basedOn {
          number
        }
        channels {
          name
        }
        prompt {
          slug
        }
      }
    }
  }
`);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'fields/text', {
    content: {
      template: 'Hi {{name}}, {{tone}} {{undeclared}}',
      config: { temperature: 0.5, nested: [null, { a: 'ß' }] },
      variables: [
        { name: 'tone', type: 'ENUM', options: ['warm', 'cold'], default: 'warm', description: 'how' },
        { name: 'extra', type: 'NUMBER', required: false },
      ],
    },
    message: 'why',
  });
  await createPrompt(server, 'fields/chat', {
    content: {
      messages: [
        { role: 'SYSTEM', content: 'You are {{who}}.', name: 'sys' },
        { role: 'USER', content: 'Hello' },
      ],
    },
  });
  await editPrompt(server, 'fields/text', {
    content: { template: 'Hi {{name}}\nnew line\n', config: { temperature: 1 } },
    message: 'again',
  });
  await promote(server, 'fields/text', 1);
});
afterAll(() => server.close());

async function version(slug: string, args: { number?: number; channel?: string }) {
  return (await server.execute(Version, { slug, ...args })).data().prompt?.version;
}

describe('a version', () => {
  it('answers with all of its content, declared and found variables, and where it is served', async () => {
    expect(await version('fields/text', { number: 1 })).toEqual({
      number: 1,
      kind: 'TEXT',
      template: 'Hi {{name}}, {{tone}} {{undeclared}}',
      messages: null,
      config: { temperature: 0.5, nested: [null, { a: 'ß' }] },
      variables: [
        {
          name: 'name',
          type: 'STRING',
          required: true,
          default: null,
          description: null,
          options: null,
          declared: false,
        },
        {
          name: 'tone',
          type: 'ENUM',
          required: true,
          default: 'warm',
          description: 'how',
          options: ['warm', 'cold'],
          declared: true,
        },
        {
          name: 'undeclared',
          type: 'STRING',
          required: true,
          default: null,
          description: null,
          options: null,
          declared: false,
        },
        {
          name: 'extra',
          type: 'NUMBER',
          required: false,
          default: null,
          description: null,
          options: null,
          declared: true,
        },
      ],
      message: 'why',
      author: { kind: 'API_KEY', name: 'first admin' },
      contentHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      basedOn: null,
      channels: [{ name: 'stable' }],
      prompt: { slug: 'fields/text' },
    });
  });

  it('answers with the messages of a chat', async () => {
    expect(await version('fields/chat', { channel: 'latest' })).toMatchObject({
      kind: 'CHAT',
      template: null,
      config: null,
      messages: [
        { role: 'SYSTEM', content: 'You are {{who}}.', name: 'sys' },
        { role: 'USER', content: 'Hello', name: null },
      ],
    });
  });

  it('is found by number or by channel, and null when there is none: a channel never falls back', async () => {
    expect((await version('fields/text', { number: 2 }))?.basedOn).toEqual({ number: 1 });
    expect((await version('fields/text', { channel: 'stable' }))?.number).toBe(1);
    expect((await version('fields/text', { channel: 'latest' }))?.number).toBe(2);
    for (const args of [
      { number: 3 },
      { number: 0 },
      { number: -1 },
      { number: 2_147_483_647 },
      { channel: 'no-such' },
      { channel: '' },
      { channel: 'Stable' },
    ]) {
      expect(await version('fields/text', args), JSON.stringify(args)).toBeNull();
    }
    expect(await version('fields/chat', { channel: 'stable' })).toBeNull();
  });

  it.each([{}, { number: 1, channel: 'stable' }])(
    'refuses both or neither of number and channel: %j',
    async (args) => {
      const [error] = (await server.execute(Version, { slug: 'fields/text', ...args })).errors();
      expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: 'version' });
    },
  );
});
