import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { cutListeners } from './feed-fixture.ts';

/** The operators have a log of their own. */
const HOME = `workspace_id = (SELECT id FROM workspace WHERE slug = 'default')`;

const PATIENCE = { timeout: 15_000, interval: 20 };
const config = { adminKey: 'two-nodes-admin-key-of-the-test' };

let database: TestDatabase;
let nodes: TestServer[];

beforeAll(async () => {
  database = await createTestDatabase();
  const first = await startTestServer({ database, config });
  nodes = [first, await startTestServer({ database, config })];
  await write(
    'mutation { createPrompt(input: { slug: "a", content: { template: "1" } }) { ... on Prompt { id } } }',
  );
  for (let number = 2; number <= 4; number += 1) {
    await write(
      `mutation { editPrompt(input: { slug: "a", content: { template: "${number}" } }) { ... on PromptVersion { id } } }`,
    );
  }
  await promote(1);
});

afterAll(async () => {
  for (const node of nodes) await node.close();
  await database.drop();
});

const node = (index: number): TestServer => {
  const found = nodes[index];
  if (found === undefined) throw new Error(`no node ${index}`);
  return found;
};

async function write(document: string): Promise<void> {
  const data = (await node(0).execute<Record<string, { id?: string }>, never>(document)).data();
  expect(Object.values(data)).toEqual([{ id: expect.any(String) }]);
}

const promote = (version: number) =>
  write(`mutation { promoteVersion(input: { slug: "a", version: ${version} }) { ... on Promotion { id } } }`);

const versionAt = async (index: number) =>
  (await node(index).get('/v1/prompts/a')).headers.get('x-promptforge-version');
const readiness = async (index: number) => (await fetch(`${node(index).url}/readyz`)).json();
const healthy = { ready: true, degraded: false, reasons: [] };

describe('two nodes on one database', () => {
  it('both serve a promotion: this one when it answers, the other one at once', async () => {
    for (const index of [0, 1]) await expect.poll(() => readiness(index), PATIENCE).toEqual(healthy);
    expect([await versionAt(0), await versionAt(1)]).toEqual(['1', '1']);
    const began = Date.now();
    for (let round = 0; round < 8; round += 1) {
      const version = 2 + (round % 3);
      await promote(version);
      expect(await versionAt(0)).toBe(String(version));
      await expect.poll(() => versionAt(1), PATIENCE).toBe(String(version));
    }
    // By polling alone each would take two and a half seconds on average.
    expect(Date.now() - began).toBeLessThan(8_000);
  });

  it('both go on when their listening connections are cut, and listen again', async () => {
    await versionAt(1);
    expect(await cutListeners(database)).toBe(2);
    for (const version of [1, 3]) {
      await promote(version);
      await expect.poll(() => versionAt(1), PATIENCE).toBe(String(version));
    }
    for (const index of [0, 1]) await expect.poll(() => readiness(index), PATIENCE).toEqual(healthy);
    expect(node(1).logged.filter(({ level }) => level >= 50)).toEqual([]);
  });

  it('both serve the truth after the database was restored to an earlier state', async () => {
    await promote(2);
    const [mark] = await database.query<{ seq: string; version: string; promotion: string }>(
      `SELECT c.seq, p.version_id AS version, p.promotion_id AS promotion FROM event_counter c
       JOIN channel_pointer p USING (workspace_id) JOIN channel USING (workspace_id) WHERE channel.id = p.channel_id AND channel.name = 'stable'`,
    );
    await promote(4);
    await expect.poll(() => versionAt(1), PATIENCE).toBe('4');
    await database.query(`BEGIN; SET LOCAL session_replication_role = replica;
      DELETE FROM event WHERE ${HOME} AND seq > ${mark?.seq};
      UPDATE event_counter SET seq = ${mark?.seq}, hash = (SELECT hash FROM event WHERE ${HOME} AND seq = ${mark?.seq}) WHERE ${HOME};
      UPDATE channel_pointer SET version_id = '${mark?.version}', promotion_id = '${mark?.promotion}'
        WHERE channel_id = (SELECT id FROM channel WHERE name = 'stable');
      SELECT pg_notify('promptforge', (SELECT id::text FROM workspace WHERE slug = 'default')); COMMIT`);
    for (const index of [0, 1]) {
      await expect.poll(() => versionAt(index), PATIENCE).toBe('2');
      expect(
        node(index)
          .logged.filter(({ level }) => level === 50)
          .map(({ msg }) => msg),
      ).toEqual(['the event log does not continue what this node applied: reading everything again']);
    }
    await promote(3);
    await expect.poll(() => versionAt(1), PATIENCE).toBe('3');
  });
});
