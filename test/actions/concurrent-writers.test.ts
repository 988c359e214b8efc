import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refusal } from '../../src/domain/errors.ts';
import { hashedText } from '../../src/domain/event.ts';
import { createTestApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, upTo } from '../support/seed.ts';

const WRITERS = 32;
const CALLS_EACH = 6;
/** UNAVAILABLE: on a machine that is busy with other things the queue for a connection may take longer than a caller shall wait. */
const EXPECTED = ['NOT_FOUND', 'NOTHING_TO_ROLL_BACK', 'IDEMPOTENCY_CONFLICT', 'UNAVAILABLE'];

describe('32 writers on few prompts and channels', () => {
  let world: TestApp;
  let slugs: string[];
  const refused: unknown[] = [];

  beforeAll(async () => {
    world = await createTestApp();
    const canary = await seed(world).channel();
    slugs = (
      await Promise.all(upTo(4).map(() => seed(world).prompt().versions(3).serving('stable', 1).build()))
    ).map(({ slug }) => slug);
    world.statements.length = 0;
    await Promise.all(upTo(WRITERS).map((writer) => write(writer, canary)));
  });
  afterAll(() => world.close());

  async function write(writer: number, canary: string): Promise<void> {
    for (const call of upTo(CALLS_EACH)) {
      await attempt(writer * 7 + call, canary).catch((error: unknown) => refused.push(error));
    }
  }

  async function attempt(turn: number, canary: string): Promise<unknown> {
    const { admin } = world;
    const slug = slugs[turn % slugs.length] ?? '';
    const channel = turn % 3 === 0 ? canary : 'stable';
    const version = 1 + (turn % 3);
    const verbs = [
      () => world.editPrompt(admin, { slug, content: { template: `turn ${turn}` } }),
      () => world.promoteVersion(admin, { slug, channel, version }),
      () => world.promoteVersions(admin, { channel, items: slugs.map((each) => ({ slug: each, version })) }),
      () =>
        world.promoteVersions(admin, {
          channel,
          items: slugs.toReversed().map((each) => ({ slug: each, version })),
        }),
      () => world.rollbackChannel(admin, { slug, channel }),
      () => world.withdrawPrompt(admin, { slug, channel }),
      () => world.promoteVersion(admin, { slug, channel, version, idempotencyKey: `key ${turn % 5}` }),
    ];
    return verbs[turn % verbs.length]?.();
  }

  it('are told typed refusals only, never a deadlock, and none is rolled back for another reason', () => {
    const surprises = refused.filter((error) => !(error instanceof Refusal));
    expect(surprises).toEqual([]);
    const codes = new Set(refused.map((error) => (error as Refusal).code));
    for (const code of codes) expect(EXPECTED).toContain(code);
    const rollbacks = world.statements.filter((sql) => sql === 'ROLLBACK').length;
    expect(rollbacks).toBeLessThanOrEqual(refused.length);
    expect(refused.length).toBeLessThan((WRITERS * CALLS_EACH) / 2);
  });

  it('leave a log without holes whose chain the published text verifies', async () => {
    const events = await world.rows.event.findMany({
      where: { workspaceId: world.admin.workspaceId },
      orderBy: { seq: 'asc' },
    });
    expect(events.map(({ seq }) => Number(seq))).toEqual(upTo(await world.head()));
    let last: Uint8Array = createHash('sha256').update(world.admin.workspaceId).digest();
    for (const event of events) {
      expect(Buffer.compare(event.prevHash, last)).toBe(0);
      const expected = createHash('sha256').update(last).update(hashedText(event)).digest();
      expect(Buffer.compare(event.hash, expected)).toBe(0);
      last = event.hash;
    }
  });

  it('leave exactly one event for each promotion, in the order of its prompt', async () => {
    const rows = await world.database.query<{ prompt: string; ordinal: number; events: number; seq: number }>(
      `SELECT p.prompt_id AS prompt, p.ordinal, count(e.seq)::int AS events, max(e.seq)::int AS seq
       FROM "promotion" p LEFT JOIN "event" e ON e.workspace_id = p.workspace_id AND e.promotion_id = p.id
       GROUP BY p.prompt_id, p.ordinal ORDER BY p.prompt_id, p.ordinal`,
    );
    expect(rows.filter(({ events }) => events !== 1)).toEqual([]);
    for (const id of new Set(rows.map(({ prompt }) => prompt))) {
      const promotions = rows.filter(({ prompt }) => prompt === id);
      expect(promotions.map(({ ordinal }) => ordinal)).toEqual(upTo(promotions.length));
      const seqs = promotions.map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    }
  });

  it('leave each pointer at the newest promotion, and each promotion on top of the one before', async () => {
    const wrong = await world.database.query(
      `WITH walked AS (
         SELECT p.*, lag(p.version_id) OVER w AS before, row_number() OVER (PARTITION BY p.prompt_id, p.channel_id ORDER BY p.ordinal DESC) AS age
         FROM "promotion" p WINDOW w AS (PARTITION BY p.prompt_id, p.channel_id ORDER BY p.ordinal)
       )
       SELECT walked.id FROM walked
       LEFT JOIN "channel_pointer" c ON c.prompt_id = walked.prompt_id AND c.channel_id = walked.channel_id
       WHERE walked.previous_version_id IS DISTINCT FROM walked.before
          OR (walked.age = 1 AND (c.promotion_id IS DISTINCT FROM walked.id OR c.version_id IS DISTINCT FROM walked.version_id))`,
    );
    expect(wrong).toEqual([]);
  });

  it('leave version numbers without holes', async () => {
    const rows = await world.database.query<{ numbers: number[]; latest: number }>(
      `SELECT array_agg(v.number ORDER BY v.number) AS numbers, max(p.latest_number) AS latest
       FROM "prompt_version" v JOIN "prompt" p ON p.id = v.prompt_id GROUP BY v.prompt_id`,
    );
    for (const { numbers, latest } of rows) expect(numbers).toEqual(upTo(latest));
  });
});
