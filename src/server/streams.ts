import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Actor } from '../domain/actor.ts';
import type { LogHead, StoredEvent } from '../db/event-log.ts';
import type { FeedConsumer } from '../realtime/feed-types.ts';
import type { EndReason, Transport } from '../realtime/member.ts';

/** Why a connection is ended from here. */
const CREDENTIALS_AT_ONCE = 20;

export type CloseReason = EndReason | 'CREDENTIAL_ENDED' | 'DRAINING' | 'AGE';

/** One connection that stays open. */
export interface Connection {
  readonly transport: Transport;
  /** Null until a WebSocket has said who it is. */
  readonly actor: Actor | null;
  /** The Authorization value that it came with. */
  readonly authorization: string | undefined;
  /** In order: the other side is told why, and what is being answered is answered where that is possible. */
  close(reason: CloseReason): void;
  /** At once. */
  terminate(): void;
}

/** How many streams may be open. One connection may carry several subscriptions. */
export const STREAM_LIMITS = {
  connections: 20_000,
  /** WebSockets that have not said who they are. */
  unauthenticated: 1_000,
  subscriptionsOfConnection: 100,
  subscriptionsOfKey: 20_000,
} as const;

export interface StreamTimes {
  /** Ping of a WebSocket, comment of an event stream. @default 15 s */
  readonly heartbeatMs: number;
  /** How old a connection gets, at least and at most: each ends somewhere between. @default 30 to 60 min */
  readonly ageMs: readonly [min: number, max: number];
  /** How long a WebSocket may take to say who it is. @default 3 s */
  readonly connectionInitMs: number;
  /** How long a peer may take to read that it is closed; then it is cut. @default 5 s */
  readonly closeMs: number;
  /** Over how long the ends are spread when the node drains. @default 10 s */
  readonly drainMs: number;
  /** When whoever is left is cut, from when the node began to drain. @default 18 s */
  readonly drainEndMs: number;
}

export const STREAM_TIMES: StreamTimes = {
  heartbeatMs: 15_000,
  ageMs: [30 * 60_000, 60 * 60_000],
  connectionInitMs: 3_000,
  closeMs: 5_000,
  drainMs: 10_000,
  drainEndMs: 18_000,
};

/** Keys are told apart by their ids, of which these are enough. */
const REVOKED_MAX = 100_000;
/** Ends are spread, but a handful of connections need no ten seconds. */
const DRAIN_MS_EACH = 20;

/** Every connection that stays open on this node: who it is, and how it ends. */
export class Streams implements FeedConsumer {
  readonly #times: StreamTimes;
  readonly #isValid: (authorization: string | undefined) => Promise<boolean>;
  readonly #open = new Set<Connection>();
  readonly #subscriptions = new Map<string, number>();
  /** Keys whose revocation this node has heard of: a check that began before it must not open a stream after it. */
  readonly #revoked = new LRUCache<string, true>({ max: REVOKED_MAX });
  #draining = false;
  #onEmpty: (() => void) | null = null;

  /** `isValid`: whether a credential is (still) accepted, asked anew. */
  constructor(times: StreamTimes, isValid: (authorization: string | undefined) => Promise<boolean>) {
    this.#times = times;
    this.#isValid = isValid;
  }

  /** Why no further connection is taken; null: it is. */
  refusal(): 'DRAINING' | 'OVERLOADED' | null {
    if (this.#draining) return 'DRAINING';
    return this.#open.size >= STREAM_LIMITS.connections ? 'OVERLOADED' : null;
  }

  /** Whether this node has not heard that the key was revoked; what was checked before a wait has to be asked again after it. */
  accepts({ id }: Actor): boolean {
    return !this.#revoked.has(id);
  }

  /** @returns how the connection leaves. */
  add(connection: Connection): () => void {
    const [min, max] = this.#times.ageMs;
    const age = setTimeout(() => connection.close('AGE'), min + Math.random() * (max - min));
    age.unref();
    this.#open.add(connection);
    return () => {
      clearTimeout(age);
      this.#open.delete(connection);
      if (this.#open.size === 0) this.#onEmpty?.();
    };
  }

  /** One more subscription of the key. @returns how it ends; null when the key has too many. */
  subscribe(actor: Actor): (() => void) | null {
    const key = `${actor.workspaceId} ${actor.id}`;
    const count = this.#subscriptions.get(key) ?? 0;
    if (count >= STREAM_LIMITS.subscriptionsOfKey) return null;
    this.#subscriptions.set(key, count + 1);
    return () => {
      const left = (this.#subscriptions.get(key) ?? 1) - 1;
      if (left === 0) this.#subscriptions.delete(key);
      else this.#subscriptions.set(key, left);
    };
  }

  /** How many connections there are, by transport. */
  counts(): Record<Transport, number> {
    const counts = { WEBSOCKET: 0, SSE: 0 };
    for (const { transport } of this.#open) counts[transport] += 1;
    return counts;
  }

  /** Ends everything, in any order, spread over a while, so that the other nodes are not met by all at once. Resolves when all are gone. */
  async drain(): Promise<void> {
    this.#draining = true;
    const connections = [...this.#open].toSorted(() => Math.random() - 0.5);
    const spreadMs = Math.min(this.#times.drainMs, connections.length * DRAIN_MS_EACH);
    await Promise.all(
      connections.map(async (connection, index) => {
        await delay((spreadMs * index) / connections.length);
        connection.close('DRAINING');
      }),
    );
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Cuts what is left. */
  terminate(): void {
    for (const connection of this.#open) connection.terminate();
  }

  async apply(workspaceId: string, events: readonly StoredEvent[]): Promise<void> {
    const revoked = new Set(
      events.flatMap(({ type, payload }) =>
        type === 'ApiKeyRevoked' ? [(JSON.parse(payload) as { apiKeyId: string }).apiKeyId] : [],
      ),
    );
    if (revoked.size === 0) return;
    for (const id of revoked) this.#revoked.set(id, true);
    for (const connection of this.#open) {
      const { actor } = connection;
      if (actor?.workspaceId === workspaceId && revoked.has(actor.id)) connection.close('CREDENTIAL_ENDED');
    }
  }

  /** In a history that is not the one that was read, keys may be missing too. */
  async reset(workspaceId: string, head?: LogHead): Promise<void> {
    const connections = [...this.#open].filter(({ actor }) => actor?.workspaceId === workspaceId);
    if (head === undefined) {
      for (const connection of connections) connection.close('WORKSPACE_GONE');
      return;
    }
    const credentials = [...new Set(connections.map(({ authorization }) => authorization))];
    // A few at a time: everybody waits for this before they hear that history has changed.
    for (let from = 0; from < credentials.length; from += CREDENTIALS_AT_ONCE) {
      const some = credentials.slice(from, from + CREDENTIALS_AT_ONCE);
      const valid = await Promise.all(some.map((credential) => this.#isValid(credential)));
      const ended = new Set(some.filter((_credential, index) => valid[index] === false));
      for (const connection of connections)
        if (ended.has(connection.authorization)) connection.close('CREDENTIAL_ENDED');
    }
  }
}
