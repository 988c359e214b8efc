import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { openRegistry } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

let registry: Registry;
let stranger: Actor;
let home: string;

const sql = (text: string, ...values: unknown[]) => registry.database.query<{ id: string }>(text, values);

async function idOf(text: string, ...values: unknown[]): Promise<string> {
  const [row] = await sql(text, ...values);
  if (row === undefined) throw new Error(`nothing found: ${text}`);
  return row.id;
}

const promptId = (workspace: string, slug: string) =>
  idOf('SELECT id FROM prompt WHERE workspace_id = $1 AND slug = $2', workspace, slug);
const versionId = (workspace: string, slug: string, number: number) =>
  idOf(
    'SELECT v.id FROM prompt_version v JOIN prompt p ON p.workspace_id = v.workspace_id AND p.id = v.prompt_id WHERE p.workspace_id = $1 AND p.slug = $2 AND v.number = $3',
    workspace,
    slug,
    number,
  );
const channelId = (workspace: string, name: string) =>
  idOf('SELECT id FROM channel WHERE workspace_id = $1 AND name = $2', workspace, name);

beforeAll(async () => {
  registry = await openRegistry();
  stranger = await registry.addWorkspace();
  home = registry.actor.workspaceId;
  for (const slug of ['a', 'b']) {
    await registry.app.createPrompt(registry.actor, { slug, content: { template: 'x' } });
    await registry.app.promoteVersion(registry.actor, { slug, version: 1 });
  }
  await registry.app.createPrompt(stranger, { slug: 'a', content: { template: 'x' } });
  await registry.app.promoteVersion(stranger, { slug: 'a', version: 1 });
});

afterAll(async () => {
  await registry.close();
});

describe('a slug', () => {
  const rename = (slug: string) =>
    sql(`UPDATE prompt SET slug = $2 WHERE workspace_id = $1 AND slug = 'b' RETURNING id`, home, slug);

  it.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    '.',
    '..',
    'a/.',
    'a/../b',
    './a',
    'A',
    'ä',
    'a b',
    'a\n',
    'a\n/b',
    'x'.repeat(201),
  ])('is not %j', async (slug) => {
    await expect(rename(slug)).rejects.toMatchObject({ code: '23514', constraint: 'prompt_slug_check' });
  });

  it.each(['...', '.a', 'a..b', '-', '_/0', 'x'.repeat(200)])('may be %j', async (slug) => {
    expect(await rename(slug)).toHaveLength(1);
    await sql(`UPDATE prompt SET slug = 'b' WHERE workspace_id = $1 AND slug = $2`, home, slug);
  });

  it('stands once in a workspace', async () => {
    await expect(rename('a')).rejects.toMatchObject({
      code: '23505',
      constraint: 'prompt_workspace_id_slug_key',
    });
  });
});

describe('a channel', () => {
  const create = (name: string) =>
    sql(
      'INSERT INTO channel (workspace_id, id, name, created_at) VALUES ($1, $2, $3, now())',
      home,
      v7(),
      name,
    );

  it.each(['', 'A', '1a', '-a', 'a_b', 'a\n', 'é', 'x'.repeat(33)])('is not named %j', async (name) => {
    await expect(create(name)).rejects.toMatchObject({ code: '23514', constraint: 'channel_name_check' });
  });

  it('may have 32 characters, once in a workspace', async () => {
    await create('x'.repeat(32));
    await expect(create('x'.repeat(32))).rejects.toMatchObject({ code: '23505' });
  });
});

describe('a version', () => {
  async function insert(columns: Record<string, unknown>): Promise<void> {
    const row = {
      workspace_id: home,
      id: v7(),
      prompt_id: await promptId(home, 'a'),
      number: 2,
      kind: 'TEXT',
      template: 'x',
      variables: '[]',
      content_hash: `sha256:${'0'.repeat(64)}`,
      author_kind: 'SYSTEM',
      author_id: 'x',
      author_name: 'x',
      created_at: new Date(),
      ...columns,
    };
    const names = Object.keys(row);
    const places = names.map((_, index) => `$${index + 1}`);
    await sql(
      `INSERT INTO prompt_version (${names.join()}) VALUES (${places.join()})`,
      ...Object.values(row),
    );
  }

  it.each([
    ['text without a template', { template: null }, 'prompt_version_content_check'],
    ['text with messages', { messages: '[]' }, 'prompt_version_content_check'],
    ['a chat with a template', { kind: 'CHAT', messages: '[]' }, 'prompt_version_content_check'],
    ['a chat without messages', { kind: 'CHAT', template: null }, 'prompt_version_content_check'],
    ['number 0', { number: 0 }, 'prompt_version_number_check'],
    ['based on itself', { based_on_number: 2 }, 'prompt_version_based_on_check'],
    ['of an unknown hash', { content_hash: 'md5:0' }, 'prompt_version_content_hash_check'],
    [
      'of an upper-case hash',
      { content_hash: `sha256:${'A'.repeat(64)}` },
      'prompt_version_content_hash_check',
    ],
  ])('is not %s', async (_title, columns, constraint) => {
    await expect(insert(columns)).rejects.toMatchObject({ code: '23514', constraint });
  });

  it('has a number that no other of its prompt has', async () => {
    await expect(insert({ number: 1 })).rejects.toMatchObject({ code: '23505' });
  });

  it('is based on one that exists', async () => {
    await expect(insert({ number: 9, based_on_number: 8 })).rejects.toMatchObject({ code: '23503' });
  });

  it('belongs to a prompt of its own workspace', async () => {
    await expect(insert({ prompt_id: await promptId(stranger.workspaceId, 'a') })).rejects.toMatchObject({
      code: '23503',
    });
  });
});

describe('a prompt', () => {
  it('has a newest version that exists, when the transaction ends', async () => {
    const raise = sql(`UPDATE prompt SET latest_number = 7 WHERE workspace_id = $1 AND slug = 'a'`, home);
    await expect(raise).rejects.toMatchObject({
      code: '23503',
      constraint: 'prompt_workspace_id_id_latest_number_fkey',
    });
  });
});

describe('a pointer', () => {
  const point = async (version: string) =>
    sql(
      `UPDATE channel_pointer SET version_id = $4 WHERE workspace_id = $1 AND channel_id = $2 AND prompt_id = $3`,
      home,
      await channelId(home, 'stable'),
      await promptId(home, 'a'),
      version,
    );

  it("cannot name another prompt's version", async () => {
    await expect(point(await versionId(home, 'b', 1))).rejects.toMatchObject({ code: '23503' });
  });

  it("cannot name another workspace's version, even of the same slug", async () => {
    await expect(point(await versionId(stranger.workspaceId, 'a', 1))).rejects.toMatchObject({
      code: '23503',
    });
  });

  it.each(['channel', 'prompt', 'promotion'])("cannot name another workspace's %s", async (noun) => {
    const foreign = await idOf(
      `SELECT id FROM ${noun} WHERE workspace_id = $1 LIMIT 1`,
      stranger.workspaceId,
    );
    const change = sql(
      `UPDATE channel_pointer SET ${noun}_id = $2 WHERE workspace_id = $1 AND prompt_id = $3 AND channel_id = $4`,
      home,
      foreign,
      await promptId(home, 'a'),
      await channelId(home, 'stable'),
    );
    await expect(change).rejects.toMatchObject({ code: '23503' });
  });

  it('stands once for a channel and a prompt', async () => {
    const copy = `INSERT INTO channel_pointer SELECT * FROM channel_pointer WHERE workspace_id = $1 LIMIT 1`;
    await expect(sql(copy, home)).rejects.toMatchObject({
      code: '23505',
      constraint: 'channel_pointer_pkey',
    });
  });
});

describe('a promotion', () => {
  async function insert(columns: Record<string, unknown>): Promise<void> {
    const base = v7();
    const row = {
      workspace_id: home,
      id: base,
      kind: 'PROMOTION',
      prompt_id: await promptId(home, 'a'),
      ordinal: 99,
      channel_id: await channelId(home, 'stable'),
      version_id: await versionId(home, 'a', 1),
      base_id: base,
      actor_kind: 'SYSTEM',
      actor_id: 'x',
      actor_name: 'x',
      created_at: new Date(),
      ...columns,
    };
    const names = Object.keys(row);
    const places = names.map((_, index) => `$${index + 1}`);
    await sql(`INSERT INTO promotion (${names.join()}) VALUES (${places.join()})`, ...Object.values(row));
  }

  it.each([
    ['names no version', { version_id: null }, 'promotion_version_check'],
    ['has no base', { base_id: null }, 'promotion_base_check'],
    ['withdraws and names a version', { kind: 'WITHDRAWAL' }, 'promotion_version_check'],
  ])('is refused when it %s', async (_title, columns, constraint) => {
    await expect(insert(columns)).rejects.toMatchObject({ code: '23514', constraint });
  });

  it.each(['version_id', 'previous_version_id'])(
    "has no other prompt's version as its %s",
    async (column) => {
      await expect(insert({ [column]: await versionId(home, 'b', 1) })).rejects.toMatchObject({
        code: '23503',
      });
    },
  );

  it.each([
    ['a save that moves another channel', 'SAVE', 'stable'],
    ['a promotion of what follows every save', 'PROMOTION', 'latest'],
    ['a rollback of what follows every save', 'ROLLBACK', 'latest'],
  ])('is never %s', async (_title, kind, channel) => {
    const moving = insert({ kind, channel_id: await channelId(home, channel) });
    await expect(moving).rejects.toMatchObject({
      code: '23001',
      message: 'channel "latest" is moved by saves, and every other channel by none',
    });
  });

  it('has an ordinal that no other of its prompt has', async () => {
    await expect(insert({ ordinal: 1 })).rejects.toMatchObject({ code: '23505' });
  });
});

describe('an event', () => {
  it('tells of a promotion once', async () => {
    const twice = `INSERT INTO event (workspace_id, type, actor_kind, actor_id, actor_name, promotion_id, payload)
      SELECT workspace_id, type, actor_kind, actor_id, actor_name, promotion_id, payload FROM event WHERE workspace_id = $1 AND promotion_id IS NOT NULL LIMIT 1`;
    await expect(sql(twice, home)).rejects.toMatchObject({
      code: '23505',
      constraint: 'event_workspace_id_promotion_id_key',
    });
  });

  it.each(['prompt', 'promotion'])("cannot name another workspace's %s", async (noun) => {
    const foreign = await idOf(
      `SELECT id FROM ${noun} WHERE workspace_id = $1 LIMIT 1`,
      stranger.workspaceId,
    );
    const insert = `INSERT INTO event (workspace_id, type, actor_kind, actor_id, actor_name, ${noun}_id, payload) VALUES ($1, 'T', 'SYSTEM', 'x', 'x', $2, '{}')`;
    await expect(sql(insert, home, foreign)).rejects.toMatchObject({ code: '23503' });
  });
});
