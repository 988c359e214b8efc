import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { chainFaults } from './chain.ts';
import { openRegistry, readLog } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

let registry: Registry;

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: registry.database.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Events as any client of the database could write them, in one statement. */
async function insertEvents(client: pg.Client, workspaceId: string, count = 1): Promise<string[]> {
  const { rows } = await client.query<{ seq: string }>(
    `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
     SELECT $1, 'Tested', 'SYSTEM', 'test', 'test', '{}' FROM generate_series(1, $2) RETURNING seq`,
    [workspaceId, count],
  );
  return rows.map((row) => row.seq);
}

describe('the announcement', () => {
  it('comes once a commit, with the workspace, and never for what was rolled back', async () => {
    const listener = await connect();
    const heard: string[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listener.query('LISTEN promptforge');
    const [one, two, mark] = [
      await registry.addWorkspace(),
      await registry.addWorkspace(),
      await registry.addWorkspace(),
    ];
    // Announcements come in the order of commits: after the last workspace's own nothing older is under way.
    await expect.poll(() => heard).toContain(mark.workspaceId);
    heard.length = 0;
    const client = await connect();
    await client.query('BEGIN');
    await insertEvents(client, one.workspaceId, 50);
    await insertEvents(client, one.workspaceId, 5);
    await insertEvents(client, two.workspaceId, 5);
    await client.query('COMMIT; BEGIN');
    await insertEvents(client, two.workspaceId, 3);
    await client.query('ROLLBACK');
    await insertEvents(client, mark.workspaceId);
    await expect.poll(() => heard).toContain(mark.workspaceId);
    expect(heard).toEqual([one.workspaceId, two.workspaceId, mark.workspaceId]);
  });
});

describe('a reader', () => {
  it('never skips a slow committer: whoever comes later waits for it, and other workspaces do not', async () => {
    const [slow, other] = [await registry.addWorkspace(), await registry.addWorkspace()];
    const start = (await readLog(registry.database, slow.workspaceId)).length;
    const holder = await connect();
    await holder.query('BEGIN');
    await insertEvents(holder, slow.workspaceId, 2);
    const followers = await Promise.all(Array.from({ length: 6 }, () => connect()));
    const outcome = Promise.all(followers.map((client) => insertEvents(client, slow.workspaceId)));
    const waiting = () =>
      registry.database.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
    await expect.poll(waiting).toEqual([{ n: followers.length }]);
    expect(await readLog(registry.database, slow.workspaceId)).toHaveLength(start);
    await insertEvents(await connect(), other.workspaceId);
    await holder.query('COMMIT');
    // From here on the reader looks as often as it can: at every moment the log is contiguous.
    const lengths: number[] = [];
    const seen = (async () => {
      for (let length = 0; length < start + 8;) {
        const log = await readLog(registry.database, slow.workspaceId);
        expect(chainFaults(slow.workspaceId, log)).toEqual([]);
        ({ length } = log);
        lengths.push(length);
      }
    })();
    expect(
      (await outcome)
        .flat()
        .map(Number)
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 6 }, (_, index) => start + 3 + index));
    await seen;
    expect(lengths.at(-1)).toBe(start + 8);
  });

  it('sees a contiguous log at every moment while writers of different speed commit', async () => {
    const { workspaceId } = await registry.addWorkspace();
    const writers = await Promise.all(Array.from({ length: 6 }, () => connect()));
    const state = { running: true };
    const writing = Promise.all(
      writers.map(async (client, writer) => {
        for (let round = 0; round < 8; round += 1) {
          await client.query('BEGIN');
          await insertEvents(client, workspaceId, 1 + (round % 3));
          await client.query('SELECT pg_sleep($1)', [((writer + round) % 4) / 200]);
          await client.query((writer + round) % 5 === 0 ? 'ROLLBACK' : 'COMMIT');
        }
      }),
    ).finally(() => (state.running = false));
    const reading = (async () => {
      let last = 0;
      let looks = 0;
      while (state.running) {
        const log = await readLog(registry.database, workspaceId);
        expect(chainFaults(workspaceId, log)).toEqual([]);
        expect(log.length).toBeGreaterThanOrEqual(last);
        last = log.length;
        looks += 1;
      }
      return looks;
    })();
    await writing;
    expect(await reading).toBeGreaterThan(10);
  });
});
