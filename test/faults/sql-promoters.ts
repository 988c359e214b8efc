import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { EmbeddedConnection } from '../../src/db/embedded-server.ts';
import type { History, Item } from './history.ts';

/**
 * Promotions past the application, for what no API can be asked: transactions that are rolled back after their events, that sleep before or
 * after them, and thousands in a moment. They do what the action does, in its lock order.
 */
const FUNCTIONS = `
CREATE OR REPLACE FUNCTION rig_move(slugs text[], numbers int[], op text) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[] := ARRAY(SELECT gen_random_uuid() FROM unnest(slugs));
  ws uuid := (SELECT id FROM workspace WHERE slug = 'default');
  ch uuid := (SELECT id FROM channel WHERE workspace_id = ws AND name = 'stable');
BEGIN
  PERFORM 1 FROM prompt WHERE workspace_id = ws AND slug = ANY (slugs) ORDER BY id FOR NO KEY UPDATE;
  INSERT INTO promotion (workspace_id, id, kind, prompt_id, ordinal, channel_id, version_id, base_id, actor_kind, actor_id, actor_name, reason, created_at)
  SELECT ws, m.id, 'PROMOTION', p.id, 1 + (SELECT max(ordinal) FROM promotion o WHERE o.workspace_id = ws AND o.prompt_id = p.id), ch, v.id, m.id,
    'SYSTEM', 'rig', 'rig', op, now()
  FROM unnest(slugs, numbers, ids) AS m(slug, number, id)
  JOIN prompt p ON p.workspace_id = ws AND p.slug = m.slug JOIN prompt_version v ON v.prompt_id = p.id AND v.number = m.number;
  INSERT INTO channel_pointer (workspace_id, channel_id, prompt_id, version_id, promotion_id, since)
  SELECT workspace_id, channel_id, prompt_id, version_id, id, created_at FROM promotion WHERE workspace_id = ws AND id = ANY (ids)
  ON CONFLICT (workspace_id, channel_id, prompt_id) DO UPDATE
    SET version_id = excluded.version_id, promotion_id = excluded.promotion_id, since = excluded.since;
  RETURN ids;
END $$;
CREATE OR REPLACE FUNCTION rig_tell(slugs text[], numbers int[], ids uuid[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO event (workspace_id, type, actor_kind, actor_id, actor_name, prompt_id, promotion_id, payload)
  SELECT m.workspace_id, 'VersionPromoted', 'SYSTEM', 'rig', 'rig', m.prompt_id, m.id,
    json_build_object('slug', s.slug, 'channel', 'stable', 'previousVersion', null, 'kind', 'PROMOTION', 'version', s.number)::text
  FROM unnest(slugs, numbers, ids) WITH ORDINALITY AS s(slug, number, id, i)
  JOIN workspace w ON w.slug = 'default' JOIN promotion m ON m.workspace_id = w.id AND m.id = s.id ORDER BY s.i
$$;
CREATE OR REPLACE PROCEDURE rig_many(commits int, slugs text[], first int) LANGUAGE plpgsql AS $$
DECLARE
  s text[]; n int[];
BEGIN
  FOR i IN 1..commits LOOP
    s := ARRAY[slugs[1 + i % array_length(slugs, 1)]];
    n := ARRAY[first + i % 3];
    PERFORM rig_tell(s, n, rig_move(s, n, null));
    COMMIT;
  END LOOP;
END $$;
CREATE OR REPLACE PROCEDURE rig_fill(commits int, events int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..commits LOOP
    INSERT INTO event (workspace_id, type, actor_kind, actor_id, actor_name, payload)
    SELECT id, 'ApiKeyCreated', 'SYSTEM', 'rig', 'rig', '{}' FROM workspace, generate_series(1, events) WHERE slug = 'default';
    COMMIT;
  END LOOP;
END $$;`;

export interface SqlPromoters {
  /** One transaction. @returns how it ended. */
  promote(options: Transaction): Promise<'committed' | 'rolled back'>;
  /** Many commits of one event each, as fast as they go. */
  many(commits: number, options?: Many): Promise<void>;
  /** Events that no channel hears of: a long log in a moment. */
  fill(events: number, eventsOfCommit?: number): Promise<void>;
  close(): Promise<void>;
}

interface Many {
  readonly slugs?: readonly string[];
  /** Three versions from this one on, in turn. */
  readonly first?: number;
}

export interface Transaction {
  readonly op: string;
  readonly items: readonly Item[];
  /** Sleeps with its rows locked, before it has a number. */
  readonly beforeMs?: number;
  /** Sleeps with its number taken, before COMMIT. */
  readonly afterMs?: number;
  readonly rollBack?: boolean;
}

export async function openSqlPromoters(
  connection: EmbeddedConnection,
  history: History,
  clients = 8,
): Promise<SqlPromoters> {
  const pool = new pg.Pool({ ...connection, max: clients });
  pool.on('error', () => undefined);
  await pool.query(FUNCTIONS);
  return {
    promote: async (transaction) => {
      const client = await pool.connect();
      try {
        return await run(client, history, transaction);
      } finally {
        client.release();
      }
    },
    many: (commits, { slugs = ['a', 'b', 'c', 'd', 'e'], first = 1 } = {}) =>
      hurry(pool, 'rig_many', [commits, slugs, first]),
    fill: async (events, eventsOfCommit = 100) => {
      await hurry(pool, 'rig_fill', [Math.floor(events / eventsOfCommit), eventsOfCommit]);
      if (events % eventsOfCommit > 0) await hurry(pool, 'rig_fill', [events % eventsOfCommit, 1]);
    },
    close: () => pool.end(),
  };
}

async function hurry(pool: pg.Pool, procedure: string, values: unknown[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('SET synchronous_commit = off');
    const places = values.map((_value, index) => `$${index + 1}`).join(', ');
    await client.query(`CALL ${procedure}(${places})`, values);
  } finally {
    client.release(true);
  }
}

async function run(
  client: pg.PoolClient,
  history: History,
  { op, items, beforeMs = 0, afterMs = 0, rollBack = false }: Transaction,
): Promise<'committed' | 'rolled back'> {
  const slugs = items.map(({ slug }) => slug);
  const numbers = items.map(({ version }) => version);
  history.note({ what: 'invoke', op, items });
  await client.query('BEGIN');
  const { rows } = await client.query<{ ids: string[] }>('SELECT rig_move($1, $2, $3) AS ids', [
    slugs,
    numbers,
    op,
  ]);
  const ids = rows[0]?.ids ?? [];
  await sleep(beforeMs);
  await client.query('SELECT rig_tell($1, $2, $3)', [slugs, numbers, ids]);
  await sleep(afterMs);
  await client.query(rollBack ? 'ROLLBACK' : 'COMMIT');
  if (rollBack) history.note({ what: 'fail', op, why: 'rolled back' });
  else history.note({ what: 'ok', op, promotions: ids });
  return rollBack ? 'rolled back' : 'committed';
}
