import { describe, expect, it } from 'vitest';
import { encodeFeedCursor } from '../../src/domain/cursor.ts';
import { BadCursor } from '../../src/domain/errors.ts';
import { beginningOf } from '../../src/realtime/feed-commit.ts';
import { seed } from '../support/seed.ts';
import { writeCommits } from './feed-fixture.ts';
import { createHubStage, versions } from './hub-fixture.ts';
import type { HubStage } from './hub-fixture.ts';

const WINDOW = 10_000;

async function promoted(stage: HubStage): Promise<string> {
  return (await seed(stage.world).prompt().versions(1).serving('stable', 1).build()).slug;
}

/** The cursor of one event, as it stands in the database. */
async function cursorAt({ world }: HubStage, seq: number): Promise<string> {
  const [row] = await world.database.query<{ hash: Buffer }>('SELECT hash FROM "event" WHERE seq = $1', [
    seq,
  ]);
  if (row === undefined) throw new Error(`no event ${seq}`);
  return encodeFeedCursor({ seq: BigInt(seq), hash: row.hash });
}

describe('a cursor', () => {
  it('of now, of long ago and of the beginning is resumed from', async () => {
    const stage = await createHubStage();
    const slug = await promoted(stage);
    const beginning = beginningOf(stage.world.admin.workspaceId).cursor;
    const now = await stage.cursor();
    for (const after of [now, beginning])
      expect(await stage.startAfter(after)).toMatchObject({ kind: 'after', place: { cursor: after } });
    const { sink } = stage.join({ start: await stage.startAfter(beginning) });
    expect(versions([await sink.next()])).toEqual([[slug, 1]]);
  });

  it('that was never given out is refused', async () => {
    const stage = await createHubStage();
    const good = await stage.cursor();
    for (const after of ['', 'x', `${good}A`, good.slice(0, -1), `B${good.slice(1)}`, '%', '\u0000'])
      await expect(stage.startAfter(after)).rejects.toBeInstanceOf(BadCursor);
  });

  it('of another history begins anew, and says why: another hash, another workspace', async () => {
    const stage = await createHubStage();
    await promoted(stage);
    const head = BigInt(await stage.world.head());
    await stage.settled();
    const strange = [
      encodeFeedCursor({ seq: head, hash: Buffer.alloc(32, 1) }),
      encodeFeedCursor({ seq: 1n, hash: Buffer.alloc(32, 1) }),
      beginningOf('01a20704-4375-71ae-9cbf-3ec9bafaceeb').cursor,
    ];
    for (const after of strange)
      expect(await stage.startAfter(after)).toEqual({
        kind: 'snapshot',
        reason: 'HISTORY_CHANGED',
        seen: 0n,
      });
  });

  it('from further on than the log is waited for a while, then begins anew', async () => {
    const stage = await createHubStage();
    await promoted(stage);
    const head = BigInt(await stage.world.head());
    for (const seq of [head + 1n, head + 1_000_000n, 2n ** 64n - 1n]) {
      const after = encodeFeedCursor({ seq, hash: Buffer.alloc(32, 1) });
      const start = await stage.startAfter(after);
      expect(start).toEqual({ kind: 'snapshot', reason: 'CURSOR_AHEAD', seen: seq });
      const { sink } = stage.join({ start });
      expect(await sink.next()).toMatchObject({ reason: 'CURSOR_AHEAD', complete: true });
    }
    await writeCommits(stage.world.database, stage.world.admin.workspaceId, 1);
    const next = await cursorAt(stage, Number(head) + 1);
    expect(await stage.startAfter(next)).toMatchObject({ kind: 'after' });
  });

  it('is resumed from within the newest 10,000 events, with everything since, and not from before them', async () => {
    const stage = await createHubStage();
    const slug = await promoted(stage);
    const from = await stage.world.head();
    await stage.world.promoteVersion(stage.world.admin, { slug, version: 1 });
    await writeCommits(stage.world.database, stage.world.admin.workspaceId, WINDOW - 1);
    await stage.settled();
    expect(await stage.world.head()).toBe(from + WINDOW);
    expect(await stage.startAfter(await cursorAt(stage, from - 1))).toEqual({
      kind: 'snapshot',
      reason: 'CURSOR_EXPIRED',
      seen: 0n,
    });
    const { sink } = stage.join({ start: await stage.startAfter(await cursorAt(stage, from)) });
    expect(versions([await sink.next()])).toEqual([[slug, 1]]);
    expect(await stage.startAfter(await cursorAt(stage, from + 1))).toMatchObject({ kind: 'after' });
    await writeCommits(stage.world.database, stage.world.admin.workspaceId, 1);
    await stage.settled();
    expect(await stage.startAfter(await cursorAt(stage, from))).toMatchObject({ reason: 'CURSOR_EXPIRED' });
  });
});

describe('a replaced history', () => {
  it('sends everybody back to what is served now, with the reason, and goes on from there', async () => {
    const stage = await createHubStage();
    const { world } = stage;
    const slug = await promoted(stage);
    await stage.settled();
    const { sink } = stage.join();
    const lagging = stage.join({ key: 'lagging' });
    await world.promoteVersion(world.admin, { slug, version: 1 });
    const { cursor } = await sink.next();
    await lagging.sink.next();
    lagging.sink.stall(300 * 1024);
    await world.promoteVersion(world.admin, { slug, version: 1 });
    await sink.next();
    const { workspaceId } = world.admin;
    // As a restore from a backup does it: past the triggers, and the counter with it.
    await world.database.query(`
      BEGIN; SET LOCAL session_replication_role = replica;
      DELETE FROM "channel_pointer" WHERE workspace_id = '${workspaceId}';
      DELETE FROM "event" WHERE workspace_id = '${workspaceId}' AND seq > 3;
      UPDATE "event_counter" SET seq = 3, hash = (SELECT hash FROM "event" WHERE seq = 3) WHERE workspace_id = '${workspaceId}';
      COMMIT;
      SELECT pg_notify('promptforge', '${workspaceId}');`);
    expect(await sink.next()).toMatchObject({ reason: 'HISTORY_CHANGED', complete: true, entries: [] });
    lagging.sink.flow();
    expect(await lagging.sink.next()).toMatchObject({ reason: 'HISTORY_CHANGED' });
    expect(await stage.startAfter(cursor)).toMatchObject({ kind: 'snapshot' });
    const after = (await seed(world).prompt().versions(1).serving('stable', 1).build()).slug;
    expect(versions([await sink.next()])).toEqual([[after, 1]]);
    expect(versions([await lagging.sink.next()])).toEqual([[after, 1]]);
  });
});
