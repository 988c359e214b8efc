import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { everything } from './everything.ts';
import { createPrompt } from './registry.ts';

/** That somebody tried stands there. */
const LOG: readonly string[] = ['event', 'event_counter'];

let server: TestServer;
let reader: { key: string };

beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'auth/one');
  reader = await server.createKey('VIEWER');
});

afterAll(() => server.close());

describe('a reader key', () => {
  const content = 'content: { template: "x" }';
  const mutations: readonly (readonly [name: string, input: string])[] = [
    ['createPrompt', `slug: "auth/new", ${content}`],
    ['editPrompt', `slug: "auth/one", ${content}`],
    ['updatePrompt', 'slug: "auth/one", owner: "me"'],
    ['archivePrompt', 'slug: "auth/one"'],
    ['restorePrompt', 'slug: "auth/one"'],
    ['createChannel', 'name: "mine"'],
    ['promoteVersion', 'slug: "auth/one", version: 1'],
    ['promoteVersions', 'items: [{ slug: "auth/one", version: 1 }]'],
    ['rollbackChannel', 'slug: "auth/one"'],
    ['withdrawPrompt', 'slug: "auth/one", channel: "stable"'],
    ['createWorkspace', 'slug: "mine", name: "Mine"'],
    ['renameWorkspace', 'slug: "mine", name: "Mine"'],
    ['deleteWorkspace', 'slug: "mine", confirm: "mine"'],
    ['importVersions', `versions: [{ slug: "auth/new", committedAt: "2020-01-01T00:00:00Z", ${content} }]`],
    ['createApiKey', 'name: "mine", role: VIEWER'],
    ['rotateApiKey', 'id: "none"'],
    ['revokeApiKey', 'id: "none"'],
    ['setMemberRole', 'member: "none", role: ADMIN'],
    ['setChannelPolicy', 'channel: "stable", pattern: "*", approvals: 0'],
    ['removeChannelPolicy', 'channel: "stable", pattern: "*"'],
    ['requestPromotion', 'slug: "auth/one", version: 1'],
    ['reviewPromotion', 'request: "none", decision: APPROVE'],
    ['cancelPromotionRequest', 'request: "none"'],
  ];

  it.each(mutations)('is answered Forbidden by %s, and nothing is changed', async (mutation, input) => {
    const before = await everything(server, LOG);
    const document = `mutation { ${mutation}(input: { ${input} }) { __typename ... on Error { code message } } }`;
    const answer = (await server.execute(document, {}, { key: reader.key })).data();
    expect(answer).toEqual({
      [mutation]: {
        __typename: 'Forbidden',
        code: 'FORBIDDEN',
        message: expect.stringMatching(/scope/) as string,
      },
    });
    expect(await everything(server, LOG)).toEqual(before);
  });

  it('is forbidden signCheckpoint, which takes no input', async () => {
    const answer = await server.execute(
      'mutation { signCheckpoint { __typename } }',
      {},
      { key: reader.key },
    );
    expect(answer.data()).toEqual({ signCheckpoint: { __typename: 'Forbidden' } });
  });

  it('is forbidden every mutation that there is', async () => {
    const schema = (await server.execute('{ __schema { mutationType { fields { name } } } }')).data() as {
      __schema: { mutationType: { fields: { name: string }[] } };
    };
    const names = schema.__schema.mutationType.fields.map(({ name }) => name);
    expect([...mutations.map(([name]) => name), 'signCheckpoint'].toSorted()).toEqual(names.toSorted());
  });
});
