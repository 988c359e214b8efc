import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { createLoaders } from '../../src/db/loaders.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { openRegistry, readLog } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

let registry: Registry;
let counted: Database;
let stranger: Actor;
const statements: string[] = [];

beforeAll(async () => {
  registry = await openRegistry();
  stranger = await registry.addWorkspace();
  for (const actor of [registry.actor, stranger]) {
    for (const slug of ['a', 'b'])
      await registry.app.createPrompt(actor, { slug, content: { template: 'x' } });
  }
  await registry.app.editPrompt(registry.actor, { slug: 'a', content: { template: 'y' } });
  await registry.app.promoteVersions(registry.actor, {
    items: [
      { slug: 'a', version: 1 },
      { slug: 'b', version: 1 },
    ],
  });
  await registry.app.promoteVersion(registry.actor, { slug: 'a', version: 2 });
  counted = openDatabase({
    address: { connectionString: registry.database.url },
    onIdleError: () => undefined,
    onQuery: (sql) => statements.push(sql),
  });
});

afterAll(async () => {
  await counted.close();
  await registry.close();
});

function loaders() {
  statements.length = 0;
  return createLoaders(counted.reader, registry.actor.workspaceId);
}

const promptIds = async (actor: Actor) =>
  (
    await registry.database.query<{ id: string }>(
      'SELECT id FROM prompt WHERE workspace_id = $1 ORDER BY slug',
      [actor.workspaceId],
    )
  ).map(({ id }) => id);

describe('the loaders', () => {
  it('find the ends of many commits with one statement', async () => {
    const { commitEnd } = loaders();
    const log = await readLog(registry.database, registry.actor.workspaceId);
    const ends = await Promise.all(log.map((event) => commitEnd.load(BigInt(event.commit_seq))));
    for (const [index, event] of log.entries()) {
      const last = log.findLast((other) => other.commit_seq === event.commit_seq);
      expect([String(ends[index]?.seq), Buffer.from(ends[index]?.hash ?? [])]).toEqual([
        last?.seq,
        last?.hash,
      ]);
    }
    expect(statements).toHaveLength(1);
    await expect(commitEnd.load(4_711n)).rejects.toThrow('holds no commit 4711');
  });

  it('count versions of many prompts with one statement', async () => {
    const { versionCount } = loaders();
    const [a = '', b = ''] = await promptIds(registry.actor);
    expect(await Promise.all([versionCount.load(a), versionCount.load(b), versionCount.load(a)])).toEqual([
      2, 1, 2,
    ]);
    expect(statements).toHaveLength(1);
  });

  it('count promotions by prompt, on one channel or on all, with two statements', async () => {
    const { promotionCount } = loaders();
    const [a = '', b = ''] = await promptIds(registry.actor);
    const asked = [a, b].flatMap((promptId) =>
      ['stable', 'latest', null, 'none'].map((channel) => ({ promptId, channel })),
    );
    expect(await Promise.all(asked.map((key) => promotionCount.load(key)))).toEqual([2, 2, 4, 0, 1, 1, 2, 0]);
    expect(statements).toHaveLength(2);
  });

  it('know nothing of other workspaces', async () => {
    const { versionCount, promotionCount } = loaders();
    const [foreign = ''] = await promptIds(stranger);
    expect(await versionCount.load(foreign)).toBe(0);
    expect(await promotionCount.load({ promptId: foreign, channel: null })).toBe(0);
  });
});
