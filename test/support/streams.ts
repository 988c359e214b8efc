import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import type { TestServer } from './server.ts';

const PATIENCE = { timeout: 15_000, interval: 20 };

/** The value of a series of /metrics, the name with its labels as it stands there; 0 when it is not there. */
export async function metricOf(server: TestServer, series: string): Promise<number> {
  const text = await (await server.get('/metrics')).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** Resolves when a series of /metrics has the value. */
export async function metricBecomes(server: TestServer, series: string, value: number): Promise<void> {
  await expect.poll(() => metricOf(server, series), PATIENCE).toBe(value);
}

/** Resolves when nobody is connected or subscribed, by what the server itself says of it. */
export async function nothingIsLeft(server: TestServer): Promise<void> {
  for (const transport of ['WEBSOCKET', 'SSE'])
    await metricBecomes(server, `promptforge_stream_connections{transport="${transport}"}`, 0);
  for (const series of ['promptforge_subscriptions', 'promptforge_subscription_groups'])
    await metricBecomes(server, series, 0);
}

/** Locks a table for all others, until it is released or the test ends: what reads it waits. */
export async function lockTable({ database }: TestServer, table: string) {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE "${table}" IN ACCESS EXCLUSIVE MODE`);
  let isHeld = true;
  const release = async () => {
    if (!isHeld) return;
    isHeld = false;
    await client.end();
  };
  onTestFinished(release);
  return {
    release,
    /** Resolves when so many reads wait for it; what the server writes in the background does not count. */
    waiters: async (count: number) => {
      await expect.poll(() => waitersIn(database), PATIENCE).toBe(count);
    },
  };
}

async function waitersIn(database: TestServer['database']): Promise<number | undefined> {
  const [row] = await database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND ltrim(query, E' \\n') ILIKE 'select%'`,
  );
  return row?.count;
}
