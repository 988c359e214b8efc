import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { openDatabase } from '../../src/db/client.ts';
import type { StoredEvent } from '../../src/db/event-log.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';
import { createRecorder, cutListeners, runFeed, writeCommits } from './feed-fixture.ts';

const PATIENCE = { timeout: 15_000, interval: 20 };

let registry: Registry;
let workspaceId: string;

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

beforeEach(async () => {
  ({ workspaceId } = await registry.addWorkspace());
});

async function headOf(id = workspaceId): Promise<bigint> {
  const rows = await registry.database.query<{ seq: string }>(
    'SELECT seq FROM event_counter WHERE workspace_id = $1',
    [id],
  );
  return BigInt(rows[0]?.seq ?? -1);
}

const seqs = (events: readonly StoredEvent[]) => events.map((event) => event.seq);
const range = (from: bigint, count: number) =>
  Array.from({ length: count }, (_, index) => from + BigInt(index));

/** Runs SQL with every trigger asleep, as somebody with the rights of a superuser could. */
async function tamper(...statements: string[]): Promise<void> {
  await registry.database.query(
    ['BEGIN', 'SET LOCAL session_replication_role = replica', ...statements, 'COMMIT'].join(';'),
  );
}

const announce = () => registry.database.query(`SELECT pg_notify('promptforge', $1)`, [workspaceId]);

describe('the feed', () => {
  it('delivers what is committed, in order, each event once', async () => {
    const recorder = createRecorder();
    await runFeed(registry.opened, [recorder]);
    const head = await headOf();
    for (let round = 0; round < 10; round += 1) await writeCommits(registry.database, workspaceId, 1, 3);
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(40);
    expect(seqs(recorder.applied(workspaceId))).toEqual(range(head + 1n, 40));
    expect(recorder.resets).toEqual([]);
  });

  it('delivers whole commits, also when they are longer than what is read at once', async () => {
    const recorder = createRecorder();
    const { lines } = await runFeed(registry.opened, [recorder]);
    const head = await headOf();
    await registry.database.query(
      `BEGIN; ${[1_500, 1_500, 4_500, 7, 2_000]
        .map(
          (size) => `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
          SELECT '${workspaceId}', 'Tested', 'SYSTEM', 'x', 'x', '{}' FROM generate_series(1, ${size})`,
        )
        .join('; COMMIT; BEGIN; ')}; COMMIT`,
    );
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(9_507);
    expect(seqs(recorder.applied(workspaceId))).toEqual(range(head + 1n, 9_507));
    for (const { events } of recorder.calls.filter((call) => call.workspaceId === workspaceId)) {
      const last = events.at(-1);
      const next = recorder.applied(workspaceId).find((event) => event.seq === (last?.seq ?? 0n) + 1n);
      expect(next?.commitSeq).not.toBe(last?.commitSeq);
    }
    expect(lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('has applied a commit of this node when it says so', async () => {
    const recorder = createRecorder();
    const { feed, lines } = await runFeed(registry.opened, [recorder]);
    for (let round = 0; round < 20; round += 1) {
      await writeCommits(registry.database, workspaceId, 2);
      const seq = await headOf();
      await feed.onCommit({ workspaceId, seq });
      expect(recorder.applied(workspaceId).at(-1)?.seq).toBe(seq);
    }
    expect(lines).toEqual([]);
  });

  it('does not hold a commit back for ever: it is a fact, whoever has not seen it', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const recorder = createRecorder(() => gate);
    const { feed, lines } = await runFeed(registry.opened, [recorder]);
    await writeCommits(registry.database, workspaceId, 1);
    const seq = await headOf();
    await feed.onCommit({ workspaceId, seq });
    expect(lines).toEqual([{ level: 'warn', message: 'a commit is not served by this node after 2 s' }]);
    release();
    await expect.poll(() => recorder.applied(workspaceId).at(-1)?.seq, PATIENCE).toBe(seq);
  });

  it('follows workspaces that appear while it runs', async () => {
    const recorder = createRecorder();
    await runFeed(registry.opened, [recorder]);
    const born = await registry.addWorkspace();
    await expect.poll(() => recorder.resets, PATIENCE).toContain(born.workspaceId);
    await writeCommits(registry.database, born.workspaceId, 2);
    const head = await headOf(born.workspaceId);
    await expect.poll(() => seqs(recorder.applied(born.workspaceId)).at(-1), PATIENCE).toBe(head);
  });

  it('tells a consumer that failed the same again, and goes on', async () => {
    let failures = 2;
    const recorder = createRecorder(async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('the consumer is not ready');
    });
    const { feed, lines } = await runFeed(registry.opened, [recorder]);
    const head = await headOf();
    await writeCommits(registry.database, workspaceId, 2, 1);
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(3);
    expect(seqs(recorder.applied(workspaceId))).toEqual(range(head + 1n, 3));
    await expect.poll(() => feed.status().stuck, PATIENCE).toBe(false);
    expect(lines).toEqual([
      { level: 'error', message: 'a consumer of the feed failed: this node does not follow the log' },
      { level: 'info', message: 'the consumers of the feed follow the log again' },
    ]);
  });

  it('reads a burst of announcements a few times only', async () => {
    const statements: string[] = [];
    const counted = openDatabase({
      address: { connectionString: registry.database.url },
      onIdleError: () => undefined,
      onQuery: (sql) => statements.push(sql),
    });
    const recorder = createRecorder();
    const { feed } = await runFeed(counted, [recorder]);
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    await writeCommits(registry.database, workspaceId, 1);
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(1);
    statements.length = 0;
    const head = await headOf();
    await Promise.all(
      Array.from({ length: 300 }, () => feed.onCommit({ workspaceId, seq: head + 1n })).concat(
        writeCommits(registry.database, workspaceId, 1),
      ),
    );
    expect(recorder.applied(workspaceId).at(-1)?.seq).toBe(head + 1n);
    expect(statements.length).toBeLessThan(40);
    await feed.stop();
    await counted.close();
  });
});

describe('without announcements', () => {
  it('a commit is found by polling', async () => {
    const deaf: Database = {
      ...registry.opened,
      newConnection: () =>
        openDatabase({
          address: { connectionString: 'postgresql://u@127.0.0.1:1/x' },
          onIdleError: () => undefined,
        }).newConnection(),
    };
    const recorder = createRecorder();
    const { feed } = await runFeed(deaf, [recorder]);
    await writeCommits(registry.database, workspaceId, 3);
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(3);
    expect(feed.status()).toEqual({
      started: true,
      reachable: true,
      listening: false,
      stuck: false,
      behind: false,
    });
  });

  it('the listening connection is made anew, and what was missed meanwhile arrives', async () => {
    const recorder = createRecorder();
    const { feed, lines } = await runFeed(registry.opened, [recorder]);
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    for (let round = 1; round <= 2; round += 1) {
      expect(await cutListeners(registry.database)).toBe(1);
      await expect.poll(() => feed.status().listening, PATIENCE).toBe(false);
      await writeCommits(registry.database, workspaceId, 2);
      await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(2 * round);
      await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    }
    expect(lines.filter((line) => line.message.startsWith('no listening connection'))).toHaveLength(2);
    expect(recorder.resets).toEqual([]);
  });
});

describe('a history that does not go on', () => {
  const alarm = {
    level: 'error',
    message: 'the event log does not continue what this node applied: reading everything again',
  };

  async function started() {
    const recorder = createRecorder();
    const running = await runFeed(registry.opened, [recorder]);
    await expect.poll(() => running.feed.status().listening, PATIENCE).toBe(true);
    await writeCommits(registry.database, workspaceId, 1, 1, 1);
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(3);
    return { recorder, ...running, head: await headOf() };
  }

  const rewind = (to: bigint) => [
    `DELETE FROM event WHERE workspace_id = '${workspaceId}' AND seq > ${to}`,
    `UPDATE event_counter SET seq = ${to}, hash = (SELECT hash FROM event WHERE workspace_id = '${workspaceId}' AND seq = ${to}) WHERE workspace_id = '${workspaceId}'`,
  ];

  it.each(['an announcement', 'a poll'])(
    'because it was restored to an earlier state is noticed by %s',
    async (by) => {
      const { recorder, lines, head } = await started();
      await tamper(...rewind(head - 2n));
      await (by === 'a poll' ? cutListeners(registry.database) : announce());
      await expect.poll(() => lines, PATIENCE).toContainEqual(alarm);
      await expect.poll(() => recorder.resets, PATIENCE).toEqual([workspaceId]);
      await writeCommits(registry.database, workspaceId, 1);
      await expect.poll(() => seqs(recorder.applied(workspaceId)), PATIENCE).toEqual([head - 1n]);
      expect(lines.filter((line) => line.level === 'error')).toHaveLength(1);
    },
  );

  it('because another one took its place, up to the same number, is noticed', async () => {
    const { recorder, lines, head } = await started();
    await tamper(...rewind(head - 2n), `SELECT 1`);
    await writeCommits(registry.database, workspaceId, 2);
    expect(await headOf()).toBe(head);
    await expect.poll(() => recorder.resets, PATIENCE).toEqual([workspaceId]);
    expect(lines).toContainEqual(alarm);
    await writeCommits(registry.database, workspaceId, 1);
    await expect.poll(() => recorder.applied(workspaceId).at(-1)?.seq, PATIENCE).toBe(head + 1n);
  });

  it('because an event is missing in it is noticed, and nothing after the hole is taken for a continuation', async () => {
    const { recorder, lines, head } = await started();
    const insert = `INSERT INTO event (workspace_id, type, actor_kind, actor_id, actor_name, payload) SELECT '${workspaceId}', 'Tested', 'SYSTEM', 'x', 'x', '{}' FROM generate_series(1, 3)`;
    await registry.database.query(
      `BEGIN; ${insert}; SET LOCAL session_replication_role = replica; DELETE FROM event WHERE workspace_id = '${workspaceId}' AND seq = ${head + 2n}; COMMIT`,
    );
    await expect.poll(() => lines, PATIENCE).toContainEqual(alarm);
    await expect.poll(() => recorder.resets, PATIENCE).toEqual([workspaceId]);
    expect(recorder.applied(workspaceId)).toEqual([]);
    await writeCommits(registry.database, workspaceId, 1);
    await expect.poll(() => seqs(recorder.applied(workspaceId)), PATIENCE).toEqual([head + 4n]);
  });

  it('is not what heads tell that are older than what was applied since', async () => {
    let release: () => void = () => undefined;
    let isHeld = false;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    // A database whose answer about the heads is long under way, once.
    const real = registry.opened.control;
    let slow = false;
    const eventCounter = {
      findMany: async () => {
        const heads = await real.eventCounter.findMany();
        if (slow) {
          slow = false;
          isHeld = true;
          await gate;
        }
        return heads;
      },
    };
    const control = new Proxy(real, {
      get: (target, name) => (name === 'eventCounter' ? eventCounter : Reflect.get(target, name)),
    });
    const recorder = createRecorder();
    const { feed, lines } = await runFeed({ ...registry.opened, control }, [recorder]);
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    slow = true;
    await cutListeners(registry.database);
    await expect.poll(() => isHeld, PATIENCE).toBe(true);
    await writeCommits(registry.database, workspaceId, 2);
    await feed.onCommit({ workspaceId, seq: await headOf() });
    release();
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    await writeCommits(registry.database, workspaceId, 1);
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(3);
    expect([recorder.resets, lines.filter((line) => line.level === 'error')]).toEqual([[], []]);
  });
});
