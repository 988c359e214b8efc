import { LRUCache } from 'lru-cache';
import type { Database } from '../db/client.ts';
import { noteKeyUses, noteMemberUses } from '../db/credentials.ts';
import type { Use } from '../db/credentials.ts';
import type { Actor } from '../domain/actor.ts';
import { isUuid } from '../domain/ids.ts';
import type { Log } from './log.ts';
import { atMost, startRounds } from './rounds.ts';

const FLUSH_MS = 5_000;
const STOP_MS = 2_000;
const EVERY_MS = 60_000;
const KNOWN_MAX = 100_000;
/** More wait only when the database is away: when they were used last is then not known to the minute. */
const WAITING_MAX = 20_000;
const BATCH = 5_000;

export interface CredentialUses {
  /** Called for every request: noted at most once a minute. */
  note(actor: Actor, nowMs: number): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Notes when keys and members were here last: in memory on the path of a request, in bulk beside it. */
export function startCredentialUses({ writer }: Pick<Database, 'writer'>, log: Log): CredentialUses {
  const noted = new LRUCache<string, number>({ max: KNOWN_MAX });
  const waiting = new Map<string, Use & { readonly kind: Actor['kind'] }>();
  const rounds = startRounds({
    everyMs: FLUSH_MS,
    round: store,
    onFailing: (error) => log.warn({ err: error }, 'when credentials were used last could not be stored'),
    onWorking: () => log.info({}, 'when credentials were used last is stored again'),
  });

  async function store(): Promise<void> {
    const uses = [...waiting.values()].slice(0, BATCH);
    if (uses.length === 0) return;
    const keys = uses.filter(({ kind }) => kind === 'API_KEY');
    const members = uses.filter(({ kind }) => kind === 'USER');
    if (keys.length > 0) await noteKeyUses(writer, keys);
    if (members.length > 0) await noteMemberUses(writer, members);
    for (const use of uses) if (waiting.get(use.id) === use) waiting.delete(use.id);
  }

  return {
    note: ({ kind, workspaceId, id }, nowMs) => {
      const last = noted.get(id);
      if (last !== undefined && nowMs - last < EVERY_MS) return;
      // The configured admin key is no row.
      if (!isUuid(id) || waiting.size >= WAITING_MAX) return;
      noted.set(id, nowMs);
      waiting.set(id, { kind, workspaceId, id, atMs: nowMs });
    },
    flush: () => rounds.now(),
    stop: async () => {
      void rounds.now();
      await atMost(STOP_MS, rounds.stop());
    },
  };
}
