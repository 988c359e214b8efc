import { setTimeout as delay } from 'node:timers/promises';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { accessKey } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import type { LogHead, StoredEvent } from '../db/event-log.ts';
import type { FeedConsumer } from '../realtime/feed-types.ts';
import type { EndReason, Transport } from '../realtime/member.ts';
import type { Caller } from './caller.ts';

const CREDENTIALS_AT_ONCE = 20;

/** Why a connection is ended from here. */
export type CloseReason = EndReason | 'CREDENTIAL_ENDED' | 'DRAINING' | 'AGE';

/** One connection that stays open. */
export interface Connection {
  readonly transport: Transport;
  /** Null until a WebSocket has said who it is. */
  readonly actor: Actor | null;
  /** The Authorization value that it came with. */
  readonly authorization: string | undefined;
  readonly tcp: Socket;
  /** The workspace that it asked for. */
  readonly workspace: string | undefined;
  /** Its credential was checked anew: it may see the same, and may end at another time. */
  renew(actor: Actor): void;
  /** In order: the other side is told why, and what is being answered is answered where that is possible. */
  close(reason: CloseReason): void;
  /** At once. */
  terminate(): void;
}

/** How many streams may be open. One connection may carry several subscriptions. */
export const STREAM_LIMITS = {
  connections: 20_000,
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

/** Node keeps a list of timers for each duration: these are few, and spread well enough. */
const AGE_STEPS = 1_000;

/** Whose credential is over hears of nothing any more, also in the moment before its connection is closed. */
export function hasEnded(actor: Actor | null): boolean {
  const expiresAt = actor?.expiresAt ?? null;
  return expiresAt !== null && expiresAt.getTime() <= Date.now();
}

/** The subscriptions of one key. */
interface SubscriptionCount {
  readonly key: string;
  open: number;
}

interface Timing {
  readonly oldAtMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** Whether a credential is still accepted, asked anew, and as whom. */
type Check = (authorization: string | undefined, caller: Caller) => Promise<Actor | null>;

/** Every connection that stays open on this node: who it is, and how it ends. */
export class Streams implements FeedConsumer {
  readonly #times: StreamTimes;
  readonly #check: Check;
  readonly #open = new Map<Connection, Timing>();
  readonly #carriers = new WeakSet<Socket>();
  readonly #subscriptions = new Map<string, SubscriptionCount>();
  /** Keys whose revocation this node has heard of: a check that began before it must not open a stream after it. */
  readonly #revoked = new LRUCache<string, true>({ max: REVOKED_MAX });
  /** Who may see less, or end sooner, than when a check began that this node has not come to the end of. */
  readonly #changed = new LRUCache<string, true>({ max: REVOKED_MAX });
  #draining = false;
  #onEmpty: (() => void) | null = null;

  constructor(times: StreamTimes, check: Check) {
    this.#times = times;
    this.#check = check;
  }

  /** Why no further connection is taken; null: it is. */
  refusal(): 'DRAINING' | 'OVERLOADED' | null {
    if (this.#draining) return 'DRAINING';
    return this.#open.size >= STREAM_LIMITS.connections ? 'OVERLOADED' : null;
  }

  /**
   * Whether this node has not heard that the key was revoked, and the credential has not come to its end; what was checked before a wait has
   * to be asked again after it.
   */
  accepts(actor: Actor): boolean {
    return !this.#revoked.has(actor.id) && !hasEnded(actor);
  }

  /** @returns how the connection leaves. */
  add(connection: Connection): () => void {
    const [min, max] = this.#times.ageMs;
    const step = Math.floor(Math.random() * AGE_STEPS);
    const oldAtMs = Date.now() + min + (step * (max - min)) / AGE_STEPS;
    this.#open.set(connection, { oldAtMs, timer: undefined });
    this.#carriers.add(connection.tcp);
    this.signedIn(connection);
    return () => {
      clearTimeout(this.#open.get(connection)?.timer);
      this.#open.delete(connection);
      this.#carriers.delete(connection.tcp);
      if (this.#open.size === 0) this.#onEmpty?.();
    };
  }

  /** Whether a stream goes through it now. */
  carries(tcp: Socket): boolean {
    return this.#carriers.has(tcp);
  }

  /** It has said who it is: it ends with its credential. */
  signedIn(connection: Connection): void {
    this.#arrangeEnd(connection);
    if (connection.actor === null || !this.#changed.has(connection.actor.id)) return;
    this.#recheck([connection]).catch(() => connection.close('FAILED'));
  }

  #arrangeEnd(connection: Connection): void {
    const timing = this.#open.get(connection);
    if (timing === undefined) return;
    clearTimeout(timing.timer);
    const expiresMs = connection.actor?.expiresAt?.getTime() ?? Infinity;
    const [endMs, reason] =
      expiresMs <= timing.oldAtMs
        ? ([expiresMs, 'CREDENTIAL_ENDED'] as const)
        : ([timing.oldAtMs, 'AGE'] as const);
    timing.timer = setTimeout(() => connection.close(reason), Math.max(0, endMs - Date.now()));
    timing.timer.unref();
  }

  /** One more subscription of the key. @returns how it ends; null when the key has too many. */
  subscribe(actor: Actor): (() => void) | null {
    const key = `${actor.workspaceId} ${actor.id}`;
    const count = this.#subscriptions.get(key) ?? { key, open: 0 };
    if (count.open >= STREAM_LIMITS.subscriptionsOfKey) return null;
    this.#subscriptions.set(key, count);
    count.open += 1;
    return this.#ending(count);
  }

  /** By itself: a function keeps whatever any function beside it uses, here for as long as the subscription lives. */
  #ending(count: SubscriptionCount): () => void {
    return () => {
      count.open -= 1;
      if (count.open === 0) this.#subscriptions.delete(count.key);
    };
  }

  /** How many connections there are, by transport. */
  counts(): Record<Transport, number> {
    const counts = { WEBSOCKET: 0, SSE: 0 };
    for (const { transport } of this.#open.keys()) counts[transport] += 1;
    return counts;
  }

  /** Ends everything, in any order, spread over a while, so that the other nodes are not met by all at once. Resolves when all are gone. */
  async drain(): Promise<void> {
    this.#draining = true;
    const connections = [...this.#open.keys()].toSorted(() => Math.random() - 0.5);
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
    for (const connection of this.#open.keys()) connection.terminate();
  }

  async apply(workspaceId: string, events: readonly StoredEvent[]): Promise<void> {
    const revoked = idsOf(events, ['ApiKeyRevoked'], 'apiKeyId');
    for (const id of revoked) this.#revoked.set(id, true);
    if (revoked.size > 0) {
      for (const connection of this.#of(workspaceId))
        if (revoked.has(connection.actor?.id ?? '')) connection.close('CREDENTIAL_ENDED');
    }
    const changed = new Set([
      ...idsOf(events, ['ApiKeyRotated'], 'apiKeyId'),
      ...idsOf(events, ['MemberChanged'], 'memberId'),
    ]);
    for (const id of changed) this.#changed.set(id, true);
    if (changed.size === 0) return;
    await this.#recheck(this.#of(workspaceId).filter(({ actor }) => changed.has(actor?.id ?? '')));
  }

  /** In a history that is not the one that was read, keys may be missing too. */
  async reset(workspaceId: string, head?: LogHead): Promise<void> {
    const connections = this.#of(workspaceId);
    if (head !== undefined) return this.#recheck(connections);
    for (const connection of connections) connection.close('WORKSPACE_GONE');
  }

  #of(workspaceId: string): Connection[] {
    return [...this.#open.keys()].filter(({ actor }) => actor?.workspaceId === workspaceId);
  }

  /** Closes those whose credential is not accepted any more, or sees something else than it did. */
  async #recheck(connections: readonly Connection[]): Promise<void> {
    const sharing = new Map<string, Connection[]>();
    for (const connection of connections) {
      const name = `${connection.workspace ?? ''}\n${connection.authorization}`;
      const others = sharing.get(name);
      if (others === undefined) sharing.set(name, [connection]);
      else others.push(connection);
    }
    // A few at a time: everybody waits for this before they hear of what was changed.
    const groups = [...sharing.values()];
    for (let from = 0; from < groups.length; from += CREDENTIALS_AT_ONCE) {
      const some = groups.slice(from, from + CREDENTIALS_AT_ONCE);
      await Promise.all(some.map((group) => this.#recheckGroup(group)));
    }
  }

  /** All of one credential. */
  async #recheckGroup(connections: readonly Connection[]): Promise<void> {
    const [first] = connections;
    if (first === undefined) return;
    const actor = await this.#check(first.authorization, { workspace: first.workspace });
    const access = actor === null ? null : accessKey(actor);
    for (const connection of connections) {
      if (actor === null || connection.actor === null || accessKey(connection.actor) !== access) {
        connection.close('CREDENTIAL_ENDED');
        continue;
      }
      connection.renew(actor);
      this.#arrangeEnd(connection);
    }
  }
}

function idsOf(events: readonly StoredEvent[], types: readonly string[], field: string): Set<string> {
  return new Set(
    events
      .filter(({ type }) => types.includes(type))
      .map(({ payload }) => String((JSON.parse(payload) as Record<string, unknown>)[field])),
  );
}
