import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createGoverned } from './governance-fixture.ts';
import type { Governed } from './governance-fixture.ts';

let world: Governed;
let deletion: pg.Client;
let witness: pg.Client;

beforeAll(async () => {
  world = await createGoverned();
  await world.policy({ pattern: 'asked/*', approvals: 2 });
  await world.policy({ pattern: 'old/*', approvals: 1 });
  [deletion, witness] = [0, 1].map(() => new pg.Client({ connectionString: world.database.url })) as [
    pg.Client,
    pg.Client,
  ];
  await Promise.all([deletion.connect(), witness.connect()]);
});
afterAll(async () => {
  await Promise.all([deletion.end(), witness.end()]);
  await world.close();
});

const MOVES: readonly (readonly [string, (slug: string, requestId: string) => Promise<unknown>])[] = [
  ['setChannelPolicy', (slug) => world.policy({ pattern: slug, approvals: 1 })],
  [
    'removeChannelPolicy',
    () => world.removeChannelPolicy(world.admin, { channel: 'stable', pattern: 'old/*' }),
  ],
  [
    'promoteVersion',
    (slug) =>
      world.promoteVersion(world.admin, { slug, version: 2, breakGlass: true, reason: 'it is on fire' }),
  ],
  ['requestPromotion', (slug) => world.request(slug, 1)],
  ['reviewPromotion', (_slug, requestId) => world.review(requestId, world.reviewers[0])],
  ['cancelPromotionRequest', (_slug, requestId) => world.cancelPromotionRequest(world.editor, { requestId })],
  ['archivePrompt', (slug) => world.archivePrompt(world.admin, { slug })],
];

it.each(MOVES)(
  '%s waits for the deletion of its workspace with nothing in its hands',
  async (_name, move) => {
    const slug = await world.prompt('asked');
    const requestId = await world.request(slug, 2);
    const { workspaceId } = world.admin;
    await deletion.query('BEGIN');
    await deletion.query('SELECT 1 FROM workspace WHERE id = $1 FOR UPDATE', [workspaceId]);
    const moving = move(slug, requestId);
    const waiting = () =>
      witness.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
    await expect.poll(async () => (await waiting()).rowCount).toBe(1);
    await witness.query('BEGIN');
    const free = await witness
      .query(
        `SELECT 1 FROM channel c, prompt p WHERE c.workspace_id = $1 AND p.workspace_id = $1 FOR UPDATE OF c, p NOWAIT`,
        [workspaceId],
      )
      .then(
        () => true,
        () => false,
      );
    await witness.query('ROLLBACK');
    await deletion.query('ROLLBACK');
    await moving;
    expect(free).toBe(true);
  },
);
