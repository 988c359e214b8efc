import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { decide } from '../../src/db/promote.ts';
import { loadPromotionFacts } from '../../src/db/promotion-facts.ts';
import type { PromotionFacts } from '../../src/db/promotion-facts.ts';
import { createGoverned } from './governance-fixture.ts';
import type { Governed } from './governance-fixture.ts';

type Step = readonly [who: 'author' | 'asker' | 'one' | 'other', decision: 'APPROVE' | 'REJECT'];

/** What reviewers have said before anything is promoted. */
const HISTORIES: Readonly<Record<string, readonly Step[] | 'nobody asked'>> = {
  'nobody asked': 'nobody asked',
  'asked for': [],
  'one approval': [['one', 'APPROVE']],
  'two approvals': [
    ['one', 'APPROVE'],
    ['other', 'APPROVE'],
  ],
  'one approval, twice': [
    ['one', 'APPROVE'],
    ['one', 'APPROVE'],
  ],
  'the author and another': [
    ['author', 'APPROVE'],
    ['other', 'APPROVE'],
  ],
  'who asked and another': [
    ['asker', 'APPROVE'],
    ['other', 'APPROVE'],
  ],
  'who asked alone': [['asker', 'APPROVE']],
  'an approval and a rejection': [
    ['one', 'APPROVE'],
    ['other', 'REJECT'],
  ],
  'a rejection that became an approval': [
    ['one', 'REJECT'],
    ['one', 'APPROVE'],
  ],
  'an approval that became a rejection': [
    ['one', 'APPROVE'],
    ['one', 'REJECT'],
  ],
  'cancelled with two approvals': [
    ['one', 'APPROVE'],
    ['other', 'APPROVE'],
  ],
  'expired with two approvals': [
    ['one', 'APPROVE'],
    ['other', 'APPROVE'],
  ],
};

const SOAKS = {
  'no soak time': null,
  'served for two hours': 'canary',
  'served for ten minutes': 'beta',
  'served, with a break': 'broken',
  'not served': 'empty',
} as const;

let world: Governed;
let opened: Database;
let client: pg.Client;
const slugs = new Map<string, string>();

beforeAll(async () => {
  world = await createGoverned();
  opened = openDatabase({
    address: { connectionString: world.database.url },
    onIdleError: () => undefined,
  });
  client = new pg.Client({ connectionString: world.database.url });
  await client.connect();
  for (const name of ['canary', 'beta', 'broken', 'empty']) await world.createChannel(world.admin, { name });
  await world.policy({ approvals: 5, rejectionBlocks: false, requestHours: 1 });
  await buildHistory('expired with two approvals');
  await world.policy({ approvals: 5, rejectionBlocks: false, requestHours: 100 });
  for (const name of Object.keys(HISTORIES)) if (!slugs.has(name)) await buildHistory(name);
  await serveElsewhere();
});
afterAll(async () => {
  await client.end();
  await opened.close();
  await world.close();
});

function people(): Record<Step[0], Actor> {
  const [one, other, asker] = world.reviewers;
  return { one, other, asker, author: world.actor('author', 'RELEASER', { id: world.editor.id }) };
}

async function buildHistory(name: string) {
  const slug = await world.prompt('judged');
  slugs.set(name, slug);
  const steps = HISTORIES[name] ?? [];
  if (typeof steps === 'string') return;
  const who = people();
  const requestId = await world.requestPromotion(who.asker, { slug, version: 2 });
  for (const [reviewer, decision] of steps)
    await world.reviewPromotion(who[reviewer], { requestId, decision });
  if (name.startsWith('cancelled')) await world.cancelPromotionRequest(who.asker, { requestId });
}

/** Two hours on canary, ten minutes on beta, two hours with another version in between on broken. */
async function serveElsewhere() {
  const promote = async (channel: string, version: number) => {
    for (const slug of slugs.values()) await world.promoteVersion(world.admin, { slug, version, channel });
  };
  await promote('canary', 2);
  await promote('broken', 2);
  world.pass(110);
  await promote('beta', 2);
  await promote('broken', 1);
  await promote('broken', 2);
  world.pass(10);
}

/** Whether the database itself takes the promotion, past the code: on no request, or on any that there is. */
async function databaseTakes(facts: PromotionFacts, reason: string | null): Promise<boolean> {
  const { workspaceId } = world.admin;
  const { rows } = await client.query<{ id: string; reason: string | null }>(
    'SELECT id, reason FROM promotion_request WHERE workspace_id = $1 AND prompt_id = $2',
    [workspaceId, facts.prompt.id],
  );
  for (const request of [null, ...rows]) {
    await client.query('BEGIN');
    const taken = await client
      .query(
        `INSERT INTO promotion (workspace_id, id, kind, prompt_id, ordinal, channel_id, version_id, previous_version_id, base_id,
           actor_kind, actor_id, actor_name, reason, request_id, created_at)
         SELECT $1, n.id, 'PROMOTION', $2, $3, $4, $5, $6, n.id, 'API_KEY', 'x', 'x', $7, $8, $9 FROM (SELECT gen_random_uuid() AS id) n`,
        [
          workspaceId,
          facts.prompt.id,
          facts.prompt.lastOrdinal + 1,
          facts.channel.id,
          facts.version.id,
          facts.position.serving?.id ?? null,
          reason,
          request?.id ?? null,
          world.time.now,
        ],
      )
      .then(
        () => true,
        (error: unknown) => {
          if (error instanceof pg.DatabaseError && error.code === '23001') return false;
          throw error;
        },
      );
    await client.query('ROLLBACK');
    if (taken) return true;
  }
  return false;
}

describe('the domain and the database', () => {
  const table = [0, 1, 2].flatMap((approvals) =>
    [false, true].flatMap((selfApproval) =>
      [false, true].map((rejectionBlocks) => ({ approvals, selfApproval, rejectionBlocks })),
    ),
  );
  const demands = [
    { reasonRequired: true, reason: null, soak: 'no soak time' },
    { reasonRequired: true, reason: 'because', soak: 'no soak time' },
    ...Object.keys(SOAKS).map((soak) => ({ reasonRequired: false, reason: null, soak })),
  ] as { reasonRequired: boolean; reason: string | null; soak: keyof typeof SOAKS }[];

  it.each(table)(
    'come to one decision with $approvals approvals, self-approval $selfApproval, rejections that block $rejectionBlocks',
    async (policy) => {
      const allowed: string[] = [];
      for (const { reason, soak, reasonRequired } of demands) {
        const channel = SOAKS[soak];
        await world.policy({
          ...policy,
          reasonRequired,
          soak: channel === null ? null : { channel, minutes: 60 },
        });
        const items = [...slugs.values()].map((slug) => ({ slug, version: 2 }));
        const now = world.time.now;
        const all = await opened.writer.$transaction((tx) =>
          loadPromotionFacts(tx, world.admin.workspaceId, 'stable', { items, now }),
        );
        const names = [...slugs.keys()];
        for (const [index, facts] of all.entries()) {
          const row = `${names[index]}, reason ${reason}, required ${reasonRequired}, ${soak}`;
          const { blockers } = decide(world.admin, facts, { reason, now });
          expect([row, await databaseTakes(facts, reason)]).toEqual([row, blockers.length === 0]);
          if (blockers.length === 0) allowed.push(row);
        }
      }
      // A table in which nothing, or everything, is allowed would hold whatever the judges say.
      expect(allowed.length).toBeGreaterThan(0);
      expect(allowed.length).toBeLessThan(demands.length * slugs.size);
    },
  );
});
