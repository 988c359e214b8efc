import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegistry } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

interface Ids {
  readonly workspace: string;
  readonly prompt: string;
  readonly version: string;
  readonly channel: string;
  readonly other: string;
  readonly request: string;
}

let registry: Registry;
let home: Ids;
let stranger: Ids;

const sql = <Row extends object>(text: string, values: readonly unknown[] = []) =>
  registry.database.query<Row & Record<string, unknown>>(text, values);

beforeAll(async () => {
  registry = await openRegistry();
  home = await fill(registry.actor.workspaceId);
  stranger = await fill((await registry.addWorkspace()).workspaceId);
});
afterAll(() => registry.close());

/** A workspace with one of everything that a row can name. */
async function fill(workspace: string): Promise<Ids> {
  const actor = { ...registry.actor, workspaceId: workspace };
  const prompt = await registry.app.createPrompt(actor, { slug: 'a', content: { template: 'x' } });
  const other = await registry.app.createChannel(actor, { name: 'canary' });
  const idOf = async (table: string, condition: string) => {
    const [row] = await sql<{ id: string }>(
      `SELECT id::text AS id FROM "${table}" WHERE workspace_id = $1 AND ${condition}`,
      [workspace],
    );
    return row?.id ?? '';
  };
  const ids = {
    workspace,
    prompt,
    other,
    version: await idOf('prompt_version', 'number = 1'),
    channel: await idOf('channel', `name = 'stable'`),
    request: v7(),
  };
  await insert('promotion_request', rowOf.promotion_request({ ...ids }));
  return ids;
}

/** A row of each table, as the ids say. */
const rowOf = {
  member: ({ workspace }: Ids) => ({
    workspace_id: workspace,
    id: v7(),
    issuer: 'https://issuer.example',
    subject: v7(),
    name: 'Ada',
    created_at: new Date(),
    last_seen_at: new Date(),
  }),
  channel_policy: ({ workspace, channel, other }: Ids) => ({
    workspace_id: workspace,
    id: v7(),
    channel_id: channel,
    pattern: `pattern/${v7()}`,
    promoter_role: 'RELEASER',
    approvals: 1,
    self_approval: false,
    rejection_blocks: true,
    reason_required: false,
    soak_channel_id: other,
    soak_minutes: 1,
    auto_apply: true,
    request_hours: 1,
    created_at: new Date(),
    updated_at: new Date(),
  }),
  promotion_request: ({ workspace, prompt, channel, version, request }: Ids) => ({
    workspace_id: workspace,
    id: request,
    prompt_id: prompt,
    channel_id: channel,
    version_id: version,
    serving_version_id: version,
    content_hash: 'sha256:x',
    status: 'CANCELLED',
    requester_kind: 'USER',
    requester_id: 'x',
    requester_name: 'x',
    created_at: new Date(),
    expires_at: new Date(),
    closed_at: new Date(),
  }),
  promotion_review: ({ workspace, prompt, version, request }: Ids) => ({
    workspace_id: workspace,
    id: v7(),
    request_id: request,
    prompt_id: prompt,
    ordinal: Math.floor(Math.random() * 1_000_000),
    decision: 'APPROVE',
    content_hash: 'sha256:x',
    serving_version_id: version,
    reviewer_kind: 'USER',
    reviewer_id: 'x',
    reviewer_name: 'x',
    created_at: new Date(),
  }),
};

async function insert(table: string, row: object): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  await sql(`INSERT INTO "${table}" (${columns.join()}) VALUES (${places.join()})`, Object.values(row));
}

describe('a row of governance', () => {
  const own = (ids: Ids): Ids => ({ ...ids, request: v7() });

  it.each([
    ['member', 'workspace'],
    ['channel_policy', 'channel'],
    ['channel_policy', 'other'],
    ['promotion_request', 'prompt'],
    ['promotion_request', 'channel'],
    ['promotion_request', 'version'],
    ['promotion_review', 'request'],
    ['promotion_review', 'version'],
  ] as const)("of %s cannot name another workspace's %s", async (table, part) => {
    const ids = table === 'promotion_review' ? home : own(home);
    await insert(table, rowOf[table](ids));
    const foreign = part === 'workspace' ? v7() : stranger[part];
    const naming = { ...ids, request: table === 'promotion_request' ? v7() : ids.request, [part]: foreign };
    await expect(insert(table, rowOf[table](naming))).rejects.toMatchObject({ code: '23503' });
  });
});

describe('a foreign key', () => {
  interface ForeignKey {
    readonly name: string;
    readonly from: string[];
    readonly to: string[];
    readonly target: string;
  }

  /** Of every table but those of Prisma: from which columns to which. */
  const foreignKeys = () =>
    sql<ForeignKey>(
      `SELECT c.conname AS name, c.confrelid::regclass::text AS target,
         (SELECT array_agg(a.attname::text ORDER BY k.i) FROM unnest(c.conkey) WITH ORDINALITY AS k(n, i) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n) AS "from",
         (SELECT array_agg(a.attname::text ORDER BY k.i) FROM unnest(c.confkey) WITH ORDINALITY AS k(n, i) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n) AS "to"
       FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace`,
    );

  it('between tables of workspaces begins with the workspace on both sides', async () => {
    const keys = await foreignKeys();
    expect(keys.length).toBeGreaterThan(25);
    const crossing = keys.filter(({ target, from, to }) =>
      target === 'workspace'
        ? from[0] !== 'workspace_id'
        : from[0] !== 'workspace_id' || to[0] !== 'workspace_id',
    );
    expect(crossing).toEqual([]);
  });

  it('would be found if it named a row alone', async () => {
    await sql('CREATE TABLE planted (id uuid UNIQUE, workspace_id uuid)');
    await sql('CREATE TABLE naming (workspace_id uuid, planted_id uuid REFERENCES planted (id))');
    const [key] = (await foreignKeys()).filter(({ target }) => target === 'planted');
    expect(key).toMatchObject({ from: ['planted_id'], to: ['id'] });
    await sql('DROP TABLE naming, planted');
  });
});

describe('delete_workspace', () => {
  it('leaves no row of the workspace in any table, and every other workspace as it was', async () => {
    const doomed = await fill((await registry.addWorkspace()).workspaceId);
    for (const table of ['member', 'channel_policy', 'promotion_review'] as const)
      await insert(table, rowOf[table](doomed));
    const tables = await sql<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'workspace_id'`,
    );
    const counts = async (condition: string) =>
      sql<{ name: string; count: number }>(
        tables
          .map(
            ({ name }) =>
              `SELECT '${name}' AS name, count(*)::int AS count FROM "${name}" WHERE workspace_id ${condition} '${doomed.workspace}'`,
          )
          .join(' UNION ALL '),
      );
    const others = await counts('<>');
    expect((await counts('=')).filter(({ count }) => count > 0).length).toBeGreaterThan(9);
    await sql('SELECT delete_workspace($1)', [doomed.workspace]);
    expect((await counts('=')).filter(({ count }) => count > 0)).toEqual([]);
    expect(await counts('<>')).toEqual(others);
  });

  it('is closed behind itself: what is append-only is so again', async () => {
    await expect(
      sql('DELETE FROM "event" WHERE workspace_id = $1', [stranger.workspace]),
    ).rejects.toMatchObject({ code: '23001' });
  });
});
