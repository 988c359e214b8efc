import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { keyOf } from './limited-keys.ts';
import { createPrompt, promote } from './registry.ts';

const COVERED = 'support/one';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, COVERED);
  await promote(server, COVERED, 1);
});
afterAll(() => server.close());

const ask = (key: string, query: string) => server.execute(query, {}, { key });

async function codesOf(key: string, query: string) {
  return (await ask(key, query)).errors().map(({ extensions }) => extensions?.code);
}

describe('whoever changes what they cover', () => {
  it('gets the answer: an editor of a folder', async () => {
    const key = await keyOf(server, 'EDITOR', { prompts: ['support/*'] });
    const created = await ask(
      key,
      'mutation { createPrompt(input: { slug: "support/new", content: { template: "x" } }) { ... on Prompt { slug latest { number author { name } message } versions { totalCount } } } }',
    );
    expect(created.data()).toMatchObject({ createPrompt: { slug: 'support/new', latest: { number: 1 } } });
  });

  it('gets the answer: a releaser of a folder on a channel, and a key that may only write', async () => {
    const releaser = await keyOf(server, 'RELEASER', { prompts: ['support/*'], channels: ['stable'] });
    const promoted = await ask(
      releaser,
      `mutation { promoteVersion(input: { slug: "${COVERED}", version: 1, reason: "back" }) { __typename ... on Promotion { id kind reason actor { name } cursor version { number template } previousVersion { number } prompt { slug } channel { name } } } }`,
    );
    expect(promoted.data()).toMatchObject({ promoteVersion: { reason: 'back', version: { number: 1 } } });
    const writer = await keyOf(server, 'EDITOR', { prompts: ['support/*'] }, ['prompts:write']);
    const saved = await ask(
      writer,
      `mutation { editPrompt(input: { slug: "${COVERED}", content: { template: "y" }, message: "why" }) { ... on PromptVersion { number message author { name } prompt { slug latest { number } } } } }`,
    );
    expect(saved.data()).toMatchObject({ editPrompt: { message: 'why', prompt: { slug: COVERED } } });
    const history = `mutation { updatePrompt(input: { slug: "${COVERED}", owner: "me" }) { ... on Prompt { versions { totalCount } } } }`;
    expect(await codesOf(writer, history)).toEqual(['FORBIDDEN']);
  });
});

describe('viewer', () => {
  it('says what a credential may do, by the rule that decides', async () => {
    const key = await keyOf(server, 'RELEASER', { prompts: ['support/*'], channels: ['stable'] });
    const query =
      '{ viewer { grants { role prompts channels } expiresAt yes: can(scope: "channels:promote", prompt: "support/one", channel: "stable") folder: can(scope: "channels:promote", prompt: "support/*", channel: "stable") all: can(scope: "channels:promote", channel: "stable") other: can(scope: "channels:promote", prompt: "sales/one", channel: "stable") elsewhere: can(scope: "channels:rollback", prompt: "support/one", channel: "canary") keys: can(scope: "keys:manage") } }';
    expect((await ask(key, query)).data()).toEqual({
      viewer: {
        grants: [{ role: 'RELEASER', prompts: ['support/*'], channels: ['stable'] }],
        expiresAt: null,
        yes: true,
        folder: true,
        all: false,
        other: false,
        elsewhere: false,
        keys: false,
      },
    });
  });

  it('names the scopes that there are when asked for another one', async () => {
    const [error] = (await ask(server.adminKey, '{ viewer { can(scope: "channels:fly") } }')).errors();
    expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: 'scope' });
    expect(error?.message).toContain('channels:promote');
  });
});
