import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { App } from '../actions/app.ts';
import type { Reader } from '../db/client.ts';
import { findKey, rightsOfKey } from '../db/credentials.ts';
import type { KeyRow } from '../db/credentials.ts';
import type { Actor } from '../domain/actor.ts';
import { hashApiKey } from '../domain/api-key.ts';
import { Refusal } from '../domain/errors.ts';
import type { Caller } from './caller.ts';
import type { Log } from './log.ts';

const TOLD_EVERY_MS = 60_000;
const TOLD_MAX = 10_000;

/** A credential that is good, and until when: it may be accepted a little longer than the actor's streams live. */
export interface Checked {
  readonly actor: Actor;
  readonly endsMs: number;
}

export interface KeyCheckDeps {
  readonly reader: Reader;
  readonly app: Pick<App, 'recordRevokedKeyUse'>;
  readonly log: Log;
}

/** Asks the database who a key is. The use of a revoked one is recorded, beside the request that is refused. */
export function createKeyCheck({ reader, app, log }: KeyCheckDeps) {
  const told = new LRUCache<string, true>({ max: TOLD_MAX, ttl: TOLD_EVERY_MS });

  function tell(row: KeyRow, caller: Caller): void {
    if (told.has(row.id)) return;
    told.set(row.id, true);
    const actor = actorOf(row, row.expiresAt);
    app.recordRevokedKeyUse(caller.record?.(actor) ?? actor, {}).catch((error: unknown) => {
      // Tried again at its next use.
      told.delete(row.id);
      if (error instanceof Refusal)
        log.warn({ apiKeyId: row.id }, 'the use of a revoked key was not recorded');
      else log.error({ err: error, apiKeyId: row.id }, 'the use of a revoked key could not be recorded');
    });
  }

  return async (key: string, caller: Caller): Promise<Checked | null> => {
    const hash = hashApiKey(key);
    const row = await findKey(reader, hash);
    if (row === null) return null;
    const expiresAt = endOf(row, hash);
    if (expiresAt === undefined) return null;
    if (row.revokedAt !== null) {
      tell(row, caller);
      return null;
    }
    const endsMs = expiresAt?.getTime() ?? Infinity;
    return endsMs > Date.now() ? { actor: actorOf(row, expiresAt), endsMs } : null;
  };
}

/** When this secret of the key ends; null: never; undefined: it is none of the key's. */
function endOf(row: KeyRow, hash: Buffer): Date | null | undefined {
  if (isSame(row.secretHash, hash)) return row.expiresAt;
  const { previousSecretHash, previousExpiresAt, expiresAt } = row;
  if (previousSecretHash === null || previousExpiresAt === null || !isSame(previousSecretHash, hash))
    return undefined;
  return expiresAt !== null && expiresAt < previousExpiresAt ? expiresAt : previousExpiresAt;
}

/** The index has compared them already; this does not tell by its time how. */
function isSame(stored: Uint8Array, hash: Buffer): boolean {
  return stored.length === hash.length && timingSafeEqual(stored, hash);
}

function actorOf(row: KeyRow, expiresAt: Date | null): Actor {
  const { workspaceId, id, name, role } = row;
  const { scopes, prompts, channels } = rightsOfKey(row);
  const grants = [{ role, prompts, channels }];
  return { workspaceId, kind: 'API_KEY', id, name, role, grants, scopes, expiresAt, origin: null };
}
