import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Actor } from '../domain/actor.ts';
import { IdempotencyConflict, InvalidInput } from '../domain/errors.ts';
import { requireText } from '../domain/text.ts';
import { getHead } from './event-log.ts';
import { Prisma } from './generated/prisma/client.ts';
import type { PrismaClient } from './generated/prisma/client.ts';
import type { SqlTx } from './sql-tx.ts';
import { inSqlTransaction, inTransaction } from './transaction.ts';
import type { ActionDeps, Outcome, SqlOutcome, Tx } from './transaction.ts';

const KEY_LENGTH_MAX = 200;
const LIFETIME = '24 hours';
/** Few enough for one statement to end well before its timeout. */
const PURGE_BATCH = 5_000;

/** What may carry a key: the whole input, the key aside, is compared, by hash, with the one that the key was first used with. */
interface IdempotentInput {
  readonly idempotencyKey?: string | null | undefined;
}

interface IdempotentCall {
  readonly mutation: string;
  readonly key: string;
  readonly inputHash: Buffer;
}

/**
 * As inTransaction, for an input that may carry an idempotency key: a repetition is answered with the id that the first call was
 * answered with, and changes nothing.
 * @throws IdempotencyConflict when the key was used with another input, and as inTransaction.
 */
export async function inIdempotentTransaction(
  deps: ActionDeps,
  actor: Actor,
  named: NamedInput,
  work: (tx: Tx) => Promise<Outcome<string>>,
  raced?: (error: unknown) => boolean,
): Promise<string> {
  return inTransaction(deps, actor, once(actor, named, work), raced);
}

/** As inSqlTransaction, in the same way. */
export async function inIdempotentSqlTransaction(
  deps: ActionDeps,
  actor: Actor,
  named: NamedInput,
  work: (tx: SqlTx) => Promise<SqlOutcome<string>>,
): Promise<string> {
  return inSqlTransaction(deps, actor, once(actor, named, work));
}

interface NamedInput {
  readonly mutation: string;
  readonly input: IdempotentInput;
}

/** The work, done once for each key; as it is where the input has none. */
function once<AnyTx extends SqlTx, Result extends SqlOutcome<string>>(
  actor: Actor,
  { mutation, input }: NamedInput,
  work: (tx: AnyTx) => Promise<Result>,
): (tx: AnyTx) => Promise<Result | SqlOutcome<string>> {
  const { idempotencyKey, ...compared } = input;
  if (idempotencyKey === null || idempotencyKey === undefined) return work;
  const key = requireText('idempotencyKey', idempotencyKey, KEY_LENGTH_MAX);
  // A script's unset variable: taken for a key, it would swallow every later save of the day.
  if (key.trim() === '')
    throw new InvalidInput('idempotencyKey', 'is blank: leave it out, or give a key of your own');
  const call = { mutation, key, inputHash: hashInput(compared) };
  return async (tx) => {
    const answered = await claim(tx, actor, call);
    if (answered !== null) {
      const repeatedBefore = await getHead(tx, actor.workspaceId);
      return { answer: answered, events: [], repeatedBefore };
    }
    const outcome = await work(tx);
    await settle(tx, actor, call, outcome.answer);
    return outcome;
  };
}

/**
 * Claims the key inside the transaction, before anything is locked, so that a concurrent call with the same key waits for this one's
 * outcome. A transaction that fails takes its claim with it: refusals are not stored.
 * @returns the id that the first call was answered with, or null when this call is the first.
 */
async function claim(tx: SqlTx, actor: Actor, call: IdempotentCall): Promise<string | null> {
  const claimed = await tx.$executeRaw`
    INSERT INTO "idempotency_key" AS k (workspace_id, actor_id, mutation, key, input_hash, created_at)
    VALUES (${actor.workspaceId}::uuid, ${actor.id}, ${call.mutation}, ${call.key}, ${call.inputHash}, now())
    ON CONFLICT (workspace_id, actor_id, mutation, key) DO UPDATE
      SET input_hash = excluded.input_hash, created_at = excluded.created_at, answer_id = NULL
      WHERE k.created_at < now() - ${LIFETIME}::interval`;
  if (claimed === 1) return null;
  const [earlier] = await tx.$queryRaw<{ inputHash: Uint8Array; answerId: string | null }[]>`
    SELECT input_hash AS "inputHash", answer_id::text AS "answerId" FROM "idempotency_key" WHERE ${identity(actor, call)}`;
  if (earlier === undefined) throw new Error('an idempotency key was claimed and is not there');
  if (!Buffer.from(earlier.inputHash).equals(call.inputHash)) {
    throw new IdempotencyConflict(
      `idempotency key ${JSON.stringify(call.key)} was used with another input for ${call.mutation}`,
    );
  }
  return earlier.answerId;
}

/** Stores what a repetition will be answered with. */
async function settle(tx: SqlTx, actor: Actor, call: IdempotentCall, answerId: string): Promise<void> {
  await tx.$executeRaw`UPDATE "idempotency_key" SET answer_id = ${answerId}::uuid WHERE ${identity(actor, call)}`;
}

/** Forgets keys past their lifetime, a batch at a time; those that somebody is using just now stay for the next purge. @returns how many. */
export async function purgeIdempotencyKeys(writer: PrismaClient): Promise<number> {
  for (let purged = 0; ;) {
    const batch = await writer.$executeRaw`
      DELETE FROM "idempotency_key" WHERE ctid IN (
        SELECT ctid FROM "idempotency_key" WHERE created_at < now() - ${LIFETIME}::interval
        LIMIT ${PURGE_BATCH} FOR UPDATE SKIP LOCKED
      )`;
    purged += batch;
    if (batch < PURGE_BATCH) return purged;
  }
}

function identity({ workspaceId, id }: Actor, { mutation, key }: IdempotentCall): Prisma.Sql {
  return Prisma.sql`workspace_id = ${workspaceId}::uuid AND actor_id = ${id} AND mutation = ${mutation} AND key = ${key}`;
}

function hashInput(input: unknown): Buffer {
  return createHash('sha256')
    .update(canonicalize(input) ?? 'null')
    .digest();
}
