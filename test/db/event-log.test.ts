import fc from 'fast-check';
import pg from 'pg';
import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { textFault } from '../../src/domain/text.ts';
import { chainFaults } from './chain.ts';
import { openRegistry, readLog } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

const WRITERS = 32;
const ROUNDS = 40;

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
async function insertEvents(
  client: pg.Client,
  workspaceId: string,
  count = 1,
  facts: { payload?: string; name?: string } = {},
): Promise<string[]> {
  const { payload = '{"n":1}', name = 'test' } = facts;
  const { rows } = await client.query<{ seq: string }>(
    `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
     SELECT $1, 'Tested', 'SYSTEM', 'test', $3, $4 FROM generate_series(1, $2) RETURNING seq`,
    [workspaceId, count, name, payload],
  );
  return rows.map((row) => row.seq);
}

describe('the numbers and the chain', () => {
  it(
    'have no hole and no fault under 32 writers of which a fifth roll back',
    { timeout: 60_000 },
    async () => {
      const { workspaceId } = await registry.addWorkspace();
      const before = (await readLog(registry.database, workspaceId)).length;
      const committed = new Map<string, string[]>();
      const clients = await Promise.all(Array.from({ length: WRITERS }, () => connect()));
      await Promise.all(
        clients.map(async (client, writer) => {
          for (let round = 0; round < ROUNDS; round += 1) {
            await client.query('BEGIN');
            const size = 1 + ((writer + round) % 4);
            const seqs = await insertEvents(client, workspaceId, size, {
              payload: `{"w":${writer},"r":${round}}`,
            });
            const isRolledBack = (writer * ROUNDS + round) % 5 === 0;
            await client.query(isRolledBack ? 'ROLLBACK' : 'COMMIT');
            if (!isRolledBack) committed.set(`{"w":${writer},"r":${round}}`, seqs);
          }
        }),
      );
      const log = await readLog(registry.database, workspaceId);
      expect(chainFaults(workspaceId, log)).toEqual([]);
      const acknowledged = [...committed.values()].flat();
      expect(acknowledged.length).toBeGreaterThan(2_000);
      expect(log.length).toBe(before + acknowledged.length);
      // What a writer was told is what stands there: its own events, side by side, numbered as one commit.
      for (const [payload, seqs] of committed) {
        const rows = seqs.map((seq) => log[Number(seq) - 1]);
        expect(rows.map((row) => row?.payload)).toEqual(seqs.map(() => payload));
        expect(rows.map((row) => row?.commit_seq)).toEqual(seqs.map(() => seqs[0]));
        expect(seqs).toEqual(seqs.map((_, index) => String(Number(seqs[0]) + index)));
      }
      const [counter] = await registry.database.query<{ seq: string; hash: Buffer }>(
        'SELECT seq, hash FROM "event_counter" WHERE workspace_id = $1',
        [workspaceId],
      );
      expect([counter?.seq, counter?.hash]).toEqual([log.at(-1)?.seq, log.at(-1)?.hash]);
    },
  );

  it('are those of one commit for several statements of a transaction, and not for the next one of the session', async () => {
    const { workspaceId } = await registry.addWorkspace();
    const client = await connect();
    await client.query('BEGIN');
    const [first = ''] = await insertEvents(client, workspaceId);
    await insertEvents(client, workspaceId, 2);
    await client.query('COMMIT');
    const [alone = ''] = await insertEvents(client, workspaceId);
    const log = await readLog(registry.database, workspaceId);
    expect(log.slice(-4).map((row) => row.commit_seq)).toEqual([first, first, first, alone]);
  });

  it('start a new commit after a savepoint was rolled back', async () => {
    const { workspaceId } = await registry.addWorkspace();
    const client = await connect();
    await client.query('BEGIN; SAVEPOINT s');
    const given = await insertEvents(client, workspaceId, 3);
    await client.query('ROLLBACK TO s');
    expect(await insertEvents(client, workspaceId)).toEqual(given.slice(0, 1));
    await client.query('COMMIT');
    const log = await readLog(registry.database, workspaceId);
    expect(log.at(-1)?.commit_seq).toBe(log.at(-1)?.seq);
    expect(chainFaults(workspaceId, log)).toEqual([]);
  });

  it('are of each workspace by itself, also within one transaction', async () => {
    const [one, two] = [await registry.addWorkspace(), await registry.addWorkspace()];
    const client = await connect();
    await client.query('BEGIN');
    await insertEvents(client, one.workspaceId);
    await insertEvents(client, two.workspaceId);
    await client.query('COMMIT');
    for (const { workspaceId } of [one, two]) {
      const log = await readLog(registry.database, workspaceId);
      expect(chainFaults(workspaceId, log)).toEqual([]);
      expect(log.at(-1)?.commit_seq).toBe(log.at(-1)?.seq);
    }
  });

  it('cannot be chosen by who writes', async () => {
    const { workspaceId } = await registry.addWorkspace();
    const began = Date.now();
    await registry.database.query(
      `INSERT INTO "event" (workspace_id, seq, commit_seq, type, actor_kind, actor_id, actor_name, at_micros, payload, hash_version, prev_hash, hash)
       VALUES ($1, 4711, 4712, 'Tested', 'SYSTEM', 'x', 'x', 1, '{}', 9, '\\x00', '\\x01')`,
      [workspaceId],
    );
    const log = await readLog(registry.database, workspaceId);
    expect(chainFaults(workspaceId, log)).toEqual([]);
    expect(log.at(-1)).toMatchObject({
      seq: String(log.length),
      commit_seq: String(log.length),
      hash_version: 2,
    });
    expect(Number(log.at(-1)?.at_micros) / 1_000).toBeGreaterThan(began - 60_000);
  });

  it('never go back in time, whatever the clock did: a time is a place in the log', async () => {
    const { workspaceId } = await registry.addWorkspace();
    const client = await connect();
    await insertEvents(client, workspaceId);
    // As a clock leaves it that was an hour ahead and was set right.
    await client.query(`SET session_replication_role = replica`);
    await client.query(
      `UPDATE "event" SET at_micros = at_micros + 3600000000 WHERE workspace_id = $1 AND seq = (SELECT seq FROM "event_counter" WHERE workspace_id = $1)`,
      [workspaceId],
    );
    await client.query(`SET session_replication_role = origin`);
    await insertEvents(client, workspaceId, 2);
    const times = (await readLog(registry.database, workspaceId)).map(({ at_micros }) => Number(at_micros));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBe(times.at(-3));
  });

  it('are the same through prisma, which gets back what the trigger set', async () => {
    const { workspaceId, ...actor } = await registry.addWorkspace();
    const data = {
      workspaceId,
      type: 'Tested',
      actorKind: actor.kind,
      actorId: '1',
      actorName: 'n',
      payload: '{}',
    };
    const created = await registry.opened.writer.event.create({ data });
    const many = await registry.opened.writer.event.createManyAndReturn({ data: [data, data] });
    const log = await readLog(registry.database, workspaceId);
    expect([created, ...many].map(({ seq, hash }) => [String(seq), Buffer.from(hash)])).toEqual(
      log.slice(-3).map(({ seq, hash }) => [seq, hash]),
    );
  });

  it.each(['America/St_Johns', 'Asia/Kathmandu', 'UTC'])('do not depend on the session: %s', async (zone) => {
    const { workspaceId } = await registry.addWorkspace();
    const client = await connect();
    await client.query(
      `SET timezone = '${zone}'; SET datestyle = 'German'; SET bytea_output = 'escape'; SET extra_float_digits = -5`,
    );
    const before = Date.now() * 1_000;
    await insertEvents(client, workspaceId);
    const log = await readLog(registry.database, workspaceId);
    expect(chainFaults(workspaceId, log)).toEqual([]);
    expect(Math.abs(Number(log.at(-1)?.at_micros) - before)).toBeLessThan(60e6);
  });

  it('cover any text, by bytes', { timeout: 60_000 }, async () => {
    const { workspaceId } = await registry.addWorkspace();
    const client = await connect();
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => textFault(value) === null);
    await fc.assert(
      fc.asyncProperty(text, text, async (name, value) => {
        await insertEvents(client, workspaceId, 1, { name, payload: JSON.stringify({ value }) });
      }),
      {
        numRuns: 60,
        examples: [
          ['日本,語 12:x,', 'é\n-,'],
          ['', '👩‍👩‍👧‍👦'],
          ['-', '7:"'],
        ],
      },
    );
    expect(chainFaults(workspaceId, await readLog(registry.database, workspaceId))).toEqual([]);
  });
});

describe('what the log refuses', () => {
  it('is an event of a workspace that does not exist', async () => {
    await expect(insertEvents(await connect(), v7())).rejects.toMatchObject({ code: '23503' });
  });

  it.each(['[]', 'null', '"x"', '{"a":', '1', ' {}'])('is the payload %s', async (payload) => {
    const client = await connect();
    await expect(insertEvents(client, registry.actor.workspaceId, 1, { payload })).rejects.toMatchObject({
      code: expect.stringMatching(/^(23514|22P02)$/),
    });
  });
});
