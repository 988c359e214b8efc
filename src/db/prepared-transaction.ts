import { createHash } from 'node:crypto';
import pg from 'pg';
import { sqlState } from './database-errors.ts';
import { Prisma } from './generated/prisma/client.ts';
import type { SqlTx } from './sql-tx.ts';

/** Where prepared transactions get their connections. */
export interface PreparedPool {
  readonly pool: pg.Pool;
  readonly timeoutMs: number;
  readonly onQuery?: ((sql: string) => void) | undefined;
  /** Told once, when nothing is prepared any more. */
  readonly onUnprepared?: ((error: unknown) => void) | undefined;
  /** False from when what was prepared was found to be wrong: a pooler mixed it up, or a migration changed what it reads. */
  prepares: boolean;
}

/** A transaction on a connection of pg itself: statements are sent when they are asked for, and answered in that order. */
export interface PreparedTx extends SqlTx {
  readonly pipelines: true;
  /** Sent behind what was sent before; rejects when the database rolled back instead. From here on nothing is given up for being slow. */
  commit(): Promise<void>;
}

/** What these connections need beside what all have; values come as Prisma's raw queries give them. */
export const PREPARED_SETTINGS = {
  pipeline: true,
  types: {
    getTypeParser: (oid: number) => PARSERS.get(oid) ?? (pg.types.getTypeParser(oid) as Parser),
  },
} as const;

type Parser = (value: string) => unknown;

const PARSERS = new Map<number, Parser>([
  [pg.types.builtins.INT8, BigInt],
  [pg.types.builtins.BYTEA, (value) => new Uint8Array(Buffer.from(value.slice(2), 'hex'))],
]);

/**
 * Runs the work in a transaction that the work itself commits; otherwise it is rolled back. Statements are prepared once a connection, and
 * Prisma's client and compiler have no part in it.
 */
export async function withPreparedTx<T>(on: PreparedPool, work: (tx: PreparedTx) => Promise<T>): Promise<T> {
  const client = await on.pool.connect();
  let isBroken = false;
  const onError = () => {
    isBroken = true;
  };
  // Without a listener the error of a connection that nothing waits for ends the process.
  client.on('error', onError);
  // Its statements fail with it, and PostgreSQL rolls back what has lost its client.
  const timer = setTimeout(() => client.connection.stream.destroy(), on.timeoutMs);
  const { tx, isCommitted } = transactionOn(client, on, () => clearTimeout(timer));
  try {
    await client.query('BEGIN');
    return await work(tx);
  } catch (error) {
    if (isMixedUp(error)) giveUpPreparing(on, error);
    throw error;
  } finally {
    if (!isCommitted()) await client.query('ROLLBACK').catch(onError);
    clearTimeout(timer);
    client.off('error', onError);
    client.release(isBroken);
  }
}

function giveUpPreparing(on: PreparedPool, error: unknown): void {
  if (on.prepares) on.onUnprepared?.(error);
  on.prepares = false;
}

/**
 * A statement that this connection has prepared is unknown, one that it has not is there, it wants other values, or its columns have become
 * others (a migration).
 */
export function isMixedUp(error: unknown): boolean {
  return ['26000', '42P05', '08P01', '0A000'].includes(sqlState(error) ?? '');
}

type Query = Parameters<SqlTx['$queryRaw']>[0];

function transactionOn(client: pg.PoolClient, on: PreparedPool, onCommit: () => void) {
  let isCommitted = false;
  const send = (query: Query, values: readonly unknown[]) => {
    const sql = query instanceof Prisma.Sql ? query : Prisma.sql(query, ...values);
    const { text } = sql;
    on.onQuery?.(text);
    return client.query<Record<string, unknown>>({
      ...(on.prepares ? { name: nameOf(text) } : {}),
      text,
      values: sql.values,
    });
  };
  const tx: PreparedTx = {
    pipelines: true,
    $queryRaw: async <Rows>(query: Query, ...values: readonly unknown[]) =>
      (await send(query, values)).rows as Rows,
    $executeRaw: async (query, ...values) => (await send(query, values)).rowCount ?? 0,
    commit: async () => {
      onCommit();
      on.onQuery?.('COMMIT');
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
      isCommitted = true;
    },
  };
  return { tx, isCommitted: () => isCommitted };
}

const NAME_DIGITS = 24;
const names = new Map<string, string>();

/**
 * As many as there are statements in the code: their texts do not depend on what they are asked. By the text itself, so that no other node
 * behind one pooler means another statement by it.
 */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `promptforge_${createHash('sha256').update(text).digest('hex').slice(0, NAME_DIGITS)}`;
  names.set(text, name);
  return name;
}
