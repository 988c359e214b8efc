import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Actor } from '../domain/actor.ts';
import type { Authenticator } from './authenticator.ts';
import { workspaceNamedBy } from './caller.ts';
import type { ClientAddress } from './client-address.ts';
import { createClientNetwork } from './client-address.ts';
import type { Log } from './log.ts';
import { createWithOrigin } from './origin.ts';
import type { WithOrigin } from './origin.ts';
import { ProblemError, rateLimited } from './problem.ts';
import { sparsely } from './sparsely.ts';
import { standingOf } from './standing.ts';
import { Windows } from './windows.ts';

/** A window's whole allowance may come at once: that is the burst. */
const WINDOW_S = 10;
/** Of an address. Nobody mistypes a key so often, and who guesses gets nowhere. */
const FAILURES_MAX = 60;
const FAILURES_WINDOW_S = 60;
/** Credentials that were right when they were last used: no flood of wrong ones beside them locks them out. */
const KNOWN_MAX = 10_000;

export interface DoorkeeperOptions {
  readonly authenticator: Pick<Authenticator, 'authenticate' | 'remembered'>;
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
  /** When it came, as `performance.now` has it; absent: now. A hot read looks at the clock once. */
  readonly atMs?: number | undefined;
}

/** What is counted. */
interface Counted {
  readonly name: string;
  readonly by: 'key' | 'address';
  readonly req: IncomingMessage;
  readonly atMs?: number | undefined;
}

/**
 * Lets requests in: counts them by address and by key, and stops who guesses keys. In memory, so every node counts for itself; and at once
 * for whom the authenticator remembers.
 */
export class Doorkeeper {
  readonly #authenticator: DoorkeeperOptions['authenticator'];
  /** With the address that requests are counted by. */
  readonly withOrigin: WithOrigin;
  readonly #networkOf: (req: IncomingMessage) => string;
  readonly #keys: Windows | null;
  readonly #addresses: Windows | null;
  readonly #failures: Windows | null;
  readonly #known = new LRUCache<string, true>({ max: KNOWN_MAX });
  readonly #warn: (what: object) => void;

  constructor({ authenticator, clientAddress, rateLimits, log }: DoorkeeperOptions) {
    this.#authenticator = authenticator;
    this.withOrigin = createWithOrigin(clientAddress);
    this.#networkOf = createClientNetwork(clientAddress);
    this.#keys = windows(rateLimits.key * WINDOW_S, WINDOW_S);
    this.#addresses = windows(rateLimits.address * WINDOW_S, WINDOW_S);
    this.#failures = rateLimits.address === 0 ? null : windows(FAILURES_MAX, FAILURES_WINDOW_S);
    this.#warn = sparsely((what: object, suppressed) =>
      log.warn({ ...what, suppressed }, 'requests are refused: too many'),
    );
  }

  /** One more request of an address, whoever it may be. @throws ProblemError 429 */
  count(req: IncomingMessage, atMs?: number): void {
    if (this.#addresses === null) return;
    this.#consume(this.#addresses, { name: this.#networkOf(req), by: 'address', req, atMs });
  }

  /**
   * Whose request it is, null when its credential is missing or wrong. Counts for the key, or against the address.
   * @throws ProblemError 429, at once or later; whatever the authenticator rejects with
   */
  admit(
    req: IncomingMessage,
    authorization: string | undefined,
    { requestId, workspace = workspaceNamedBy(req), budget, atMs }: Arrival,
  ): Actor | null | Promise<Actor | null> {
    if (authorization === undefined) return null;
    // It was right when it was checked: no guess.
    const actor = this.#authenticator.remembered(authorization, workspace);
    if (actor === null) return this.#admitStranger(req, authorization, { requestId, workspace, budget });
    this.#countKey(actor, { req, budget, atMs });
    return actor;
  }

  /** One more operation on a connection that was admitted. @returns 0, or after how many seconds to try again. */
  operation(actor: Actor): number {
    const leftMs = this.#keys?.count(standingOf(actor).meter) ?? 0;
    return leftMs === 0 ? 0 : secondsOf(leftMs);
  }

  async #admitStranger(
    req: IncomingMessage,
    authorization: string,
    { requestId, workspace, budget }: Arrival,
  ): Promise<Actor | null> {
    // Without what stands before it, which could be written in many ways.
    const credential = authorization.slice(authorization.lastIndexOf(' ') + 1);
    if (this.#failures !== null && !this.#known.has(credential)) this.#requireNoGuesser(this.#failures, req);
    const actor = await this.#authenticator.authenticate(authorization, {
      workspace,
      record: (who) => this.withOrigin(who, req, requestId),
    });
    if (actor === null) {
      this.#known.delete(credential);
      this.#failures?.count(this.#networkOf(req));
      return null;
    }
    if (this.#failures !== null && !this.#known.has(credential)) this.#known.set(credential, true);
    this.#countKey(actor, { req, budget });
    return actor;
  }

  /**
   * Asked before the database is, told after it has answered: what an address has under way at the moment when it is found out is still
   * answered, which its other limit bounds.
   */
  #requireNoGuesser(failures: Windows, req: IncomingMessage): void {
    const network = this.#networkOf(req);
    const leftMs = failures.ask(network);
    if (leftMs === 0) return;
    this.#warn({ by: 'wrong credentials', ...this.#where(req, network) });
    throw new ProblemError(
      rateLimited('too many wrong credentials came from this address', secondsOf(leftMs)),
    );
  }

  #countKey(
    actor: Actor,
    { req, budget, atMs }: Pick<Arrival, 'budget' | 'atMs'> & Pick<Counted, 'req'>,
  ): void {
    if (this.#keys === null) return;
    const { meter } = standingOf(actor);
    const name = budget === undefined ? meter : `${meter}${budget}`;
    this.#consume(this.#keys, { name, by: 'key', req, atMs });
  }

  #consume(counter: Windows, { name, by, req, atMs }: Counted): void {
    const leftMs = counter.count(name, atMs);
    if (leftMs === 0) return;
    this.#warn({ by, ...this.#where(req, name) });
    throw new ProblemError(rateLimited(`too many requests of this ${by}`, secondsOf(leftMs)));
  }

  /** Behind a proxy that is not trusted everybody has the proxy's address: the operator should know. */
  #where(req: IncomingMessage, name: string): object {
    const isForwarded = req.headers['x-forwarded-for'] !== undefined;
    return { name, ...(isForwarded ? { hint: 'X-Forwarded-For is there: is TRUSTED_PROXIES right?' } : {}) };
  }
}

function windows(max: number, lengthS: number): Windows | null {
  return max === 0 ? null : new Windows({ max, lengthMs: lengthS * 1_000 });
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
