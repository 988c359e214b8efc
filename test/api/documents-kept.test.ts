import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { hashOf, named, NUMBER, post, SERVED, variables } from './documents-fixture.ts';
import { createPrompt, promote } from './registry.ts';

const OPERATOR_KEY = 'operator-key-of-a-test-0123456789abcdef';

let open: TestServer;
beforeAll(async () => {
  open = await startTestServer({ config: { operatorKey: OPERATOR_KEY } });
  await createPrompt(open, 'named/text');
  await promote(open, 'named/text', 1);
});
afterAll(() => open.close());

/** Of the administrator of another workspace. */
async function keyOfOther(): Promise<string> {
  const created = await open.execute<{ createWorkspace: { adminKey: string } }, object>(
    'mutation { createWorkspace(input: { slug: "other", name: "Other" }) { ... on CreatedWorkspace { adminKey } } }',
    {},
    { key: OPERATOR_KEY },
  );
  return created.data().createWorkspace.adminKey;
}

describe('automatic persisted queries are kept', () => {
  const UNKNOWN = 'PERSISTED_QUERY_NOT_FOUND';
  /** A sixth of what a workspace may keep, and a little. */
  const large = (n: number) => `#${n}${'x'.repeat(180_000)}\n{ __typename }`;
  const register = async (query: string, key?: string) => {
    expect((await post(open, { query, extensions: named(query), variables }, { key })).status).toBe(200);
  };

  it('while they are used, though their answers are kept as bytes', async () => {
    const [hot, twice, cold] = ['hot', 'twice', 'cold'].map((name) => NUMBER.replace('Number', name));
    const byName = (query = '') => ({ documentId: hashOf(query), variables });
    for (const query of [hot, twice, cold]) await post(open, { query, ...byName(query) });
    for (let n = 0; n < 12; n += 1) {
      await register(large(n));
      expect(await post(open, byName(hot))).toMatchObject(SERVED);
      expect(await post(open, { query: twice, ...byName(twice) })).toMatchObject(SERVED);
    }
    // Other variables: an answer that is not kept.
    const other = { variables: { slug: 'named/text', more: 1 } };
    expect(await post(open, { ...byName(hot), ...other })).toMatchObject(SERVED);
    expect(await post(open, { ...byName(twice), ...other })).toMatchObject(SERVED);
    expect(await post(open, { ...byName(cold), ...other })).toMatchObject({ code: UNKNOWN });
    // Forgotten, it is registered by either name.
    expect(await post(open, { query: cold, ...byName(cold) })).toMatchObject(SERVED);
    expect(await post(open, { ...byName(cold), ...other })).toMatchObject(SERVED);
  });

  it('for their workspace, whatever another one registers', async () => {
    const query = NUMBER.replace('Number', 'Ours');
    await register(query);
    const key = await keyOfOther();
    const byName = { documentId: hashOf(query), variables };
    expect(await post(open, byName, { key })).toMatchObject({ code: UNKNOWN });
    for (let n = 0; n < 40; n += 1) await register(large(n), key);
    expect(await post(open, byName)).toMatchObject(SERVED);
  });
});
