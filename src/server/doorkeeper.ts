import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Actor } from '../domain/actor.ts';
import type { Authenticator } from './authenticator.ts';
import { workspaceNamedBy } from './caller.ts';
import type { ClientAddress } from './client-address.ts';
import { networkOf } from './client-address.ts';
import type { Log } from './log.ts';
import { createWithOrigin } from './origin.ts';
import type { WithOrigin } from './origin.ts';
import { ProblemError, rateLimited } from './problem.ts';
import { sparsely } from './sparsely.ts';

/** A window's whole allowance may come at once: that is the burst. */
const WINDOW_S = 10;
/** Of an address. Nobody mistypes a key so often, and who guesses gets nowhere. */
const FAILURES_MAX = 60;
const FAILURES_WINDOW_S = 60;
/** Credentials that were right when they were last used: no flood of wrong ones beside them locks them out. */
const KNOWN_MAX = 10_000;

export interface DoorkeeperOptions {
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly clientAddress: ClientAddress;
  /** Requests a second; 0: no limit. */
  readonly rateLimits: { readonly key: number; readonly address: number };
  readonly log: Log;
}

interface Arrival {
  readonly requestId: string;
  /** The slug of the workspace that is asked for; absent: what the request's header names. */
  readonly workspace?: string | undefined;
  /** What it is counted as, beside everything else of its key, up to the same number. */
  readonly budget?: 'applied' | undefined;
}

/** Lets requests in: counts them by address and by key, and stops who guesses keys. In memory, so every node counts for itself. */
export class Doorkeeper {
  readonly #authenticator: DoorkeeperOptions['authenticator'];
  /** With the address that requests are counted by. */
  readonly withOrigin: WithOrigin;
  readonly #clientAddress: ClientAddress;
  readonly #keys: RateLimiterMemory | null;
  readonly #addresses: RateLimiterMemory | null;
  readonly #failures: RateLimiterMemory | null;
  readonly #known = new LRUCache<string, true>({ max: KNOWN_MAX });
  readonly #warn: (what: object) => void;

  constructor({ authenticator, clientAddress, rateLimits, log }: DoorkeeperOptions) {
    this.#authenticator = authenticator;
    this.withOrigin = createWithOrigin(clientAddress);
    this.#clientAddress = clientAddress;
    this.#keys = limiter(rateLimits.key * WINDOW_S, WINDOW_S);
    this.#addresses = limiter(rateLimits.address * WINDOW_S, WINDOW_S);
    this.#failures = rateLimits.address === 0 ? null : limiter(FAILURES_MAX, FAILURES_WINDOW_S);
    this.#warn = sparsely((what: object, suppressed) =>
      log.warn({ ...what, suppressed }, 'requests are refused: too many'),
    );
  }

  /** One more request of an address, whoever it may be. @throws ProblemError 429 */
  async count(req: IncomingMessage): Promise<void> {
    if (this.#addresses === null) return;
    await this.#consume(this.#addresses, networkOf(this.#clientAddress(req)), 'address', req);
  }

  /**
   * Whose request it is, null when its credential is missing or wrong. Counts for the key, or against the address.
   * @throws ProblemError 429; whatever the authenticator rejects with
   */
  async admit(
    req: IncomingMessage,
    authorization: string | undefined,
    { requestId, workspace = workspaceNamedBy(req), budget }: Arrival,
  ): Promise<Actor | null> {
    if (authorization === undefined) return null;
    // Without what stands before it, which could be written in many ways.
    const credential = authorization.slice(authorization.lastIndexOf(' ') + 1);
    if (this.#failures !== null && !this.#known.has(credential)) await this.#requireNoGuesser(req);
    const actor = await this.#authenticator.authenticate(authorization, {
      workspace,
      record: (who) => this.withOrigin(who, req, requestId),
    });
    if (actor === null) {
      this.#known.delete(credential);
      await this.#failures?.penalty(networkOf(this.#clientAddress(req)));
      return null;
    }
    if (this.#failures !== null && !this.#known.has(credential)) this.#known.set(credential, true);
    if (this.#keys !== null) await this.#consume(this.#keys, nameOf(actor, budget), 'key', req);
    return actor;
  }

  /** One more operation on a connection that was admitted. @returns 0, or after how many seconds to try again. */
  async operation(actor: Actor): Promise<number> {
    if (this.#keys === null) return 0;
    return this.#keys.consume(nameOf(actor)).then(() => 0, secondsLeft);
  }

  /**
   * Asked before the database is, told after it has answered: what an address has under way at the moment when it is found out is still
   * answered, which its other limit bounds.
   */
  async #requireNoGuesser(req: IncomingMessage): Promise<void> {
    const network = networkOf(this.#clientAddress(req));
    const failures = await this.#failures?.get(network);
    if (!failures || failures.consumedPoints < FAILURES_MAX) return;
    this.#warn({ by: 'wrong credentials', ...this.#where(req, network) });
    throw new ProblemError(
      rateLimited('too many wrong credentials came from this address', secondsLeft(failures)),
    );
  }

  async #consume(
    counter: RateLimiterMemory,
    name: string,
    by: 'key' | 'address',
    req: IncomingMessage,
  ): Promise<void> {
    try {
      await counter.consume(name);
    } catch (refused) {
      this.#warn({ by, ...this.#where(req, name) });
      throw new ProblemError(rateLimited(`too many requests of this ${by}`, secondsLeft(refused)));
    }
  }

  /** Behind a proxy that is not trusted everybody has the proxy's address: the operator should know. */
  #where(req: IncomingMessage, name: string): object {
    const isForwarded = req.headers['x-forwarded-for'] !== undefined;
    return { name, ...(isForwarded ? { hint: 'X-Forwarded-For is there: is TRUSTED_PROXIES right?' } : {}) };
  }
}

function limiter(points: number, duration: number): RateLimiterMemory | null {
  return points === 0 ? null : new RateLimiterMemory({ points, duration, keyPrefix: '' });
}

function nameOf({ workspaceId, id }: Actor, budget = ''): string {
  return `${workspaceId} ${id} ${budget}`;
}

/** Of what the limiter rejects with, which is no Error. @throws it, when it is something else */
function secondsLeft(refused: unknown): number {
  if (refused instanceof Error || typeof refused !== 'object' || refused === null) throw refused;
  return Math.max(1, Math.ceil((refused as { msBeforeNext: number }).msBeforeNext / 1_000));
}
