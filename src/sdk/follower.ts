import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { PromptForgeError, Unauthorised } from './errors.ts';
import { Ladder } from './ladder.ts';
import { Link } from './link.ts';
import type { LinkDeps } from './link.ts';
import type { End, Transport, Wish } from './transport.ts';
import type { LogLevel, TransportName } from './types.ts';

const CLOSED: End = { cause: 'lost', message: 'closed' };
/** Causes after which another server would say the same. */
const SAME_EVERYWHERE: readonly End['cause'][] = ['badCursor', 'unsupported', 'impossible'];
/** Causes that say that something is wrong, not only away. */
const FAULTS: readonly End['cause'][] = ['badCursor', 'gap', 'unauthorised', 'refused'];
/** Causes after which what is held may be wrong, or more than this credential may read. */
const BEGIN_ANEW: readonly End['cause'][] = ['badCursor', 'gap', 'revoked', 'unauthorised'];

export interface FollowerDeps extends Pick<
  LinkDeps,
  'credential' | 'clock' | 'positions' | 'take' | 'unchanged'
> {
  readonly urls: readonly string[];
  readonly transports: readonly Transport[];
  readonly wish: Omit<Wish, 'credential' | 'url' | 'after'>;
  /** The credential is asked for each time: it may be another one now. */
  readonly isFreshCredential: boolean;
  /** The server confirmed that all is as it was. */
  readonly unchanged: (cursor: string | null) => void;
  /** Another connection stands. */
  readonly connected: () => void;
  /** A connection stands, or does no longer. */
  readonly changed: () => void;
  /** `isFault`: something is wrong; else the server is away, as servers are. */
  readonly failed: (error: PromptForgeError, isFault: boolean) => void;
  readonly log: (level: LogLevel, message: string, details: Readonly<Record<string, unknown>>) => void;
}

/** Keeps one connection to one of the servers, by the best transport that gets through. */
export class Follower {
  readonly #deps: FollowerDeps;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #ladder: Ladder;
  #current: Link | null = null;
  #trial: Link | null = null;
  #turn = 0;
  #isStopped = false;
  /** Also at first: the cursor of a file may be of a credential that sees something else. */
  #wantsSnapshot = true;
  #askedAgain = false;
  #cancelClimb: () => void = () => {};
  #wake: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(deps: FollowerDeps) {
    this.#deps = deps;
    this.#clock = deps.clock;
    this.#backoff = new Backoff(() => deps.clock.random());
    this.#ladder = new Ladder(deps.transports.map(({ name }) => name));
  }

  get transport(): TransportName | null {
    const link = this.#current;
    return link === null || link.since === null || link.isOver ? null : link.transport.name;
  }

  get url(): string {
    return this.#current !== null && !this.#current.isOver ? this.#current.url : this.#nextUrl();
  }

  get failures(): number {
    return this.#backoff.failures;
  }

  isCurrent(link: Link): boolean {
    return this.#current === link && !link.isOver;
  }

  /** All that the channel serves was taken: from here on the cursor says enough. */
  tookSnapshot(): void {
    this.#wantsSnapshot = false;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#dropTrial();
    this.#current?.close(CLOSED);
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const end = await this.#follow();
      if (this.#isStopped) return;
      const stoodMs = this.#stoodMs();
      this.#dropTrial();
      const delayMs = this.#plan(end, stoodMs);
      this.#report(end, delayMs);
      this.#deps.changed();
      await this.#sleep(delayMs);
    }
  }

  /** Why the connection ended, or the better one that took its place meanwhile. */
  async #follow(): Promise<End> {
    let link = this.#link(this.#ladder.current, this.#nextUrl());
    if (link === null) return { cause: 'impossible', message: 'no transport works here' };
    this.#current = link;
    for (;;) {
      const end = await link.over;
      if (this.#current === link || this.#current === null) return end;
      link = this.#current;
    }
  }

  #link(name: TransportName | null, url: string): Link | null {
    const transport = this.#deps.transports.find((one) => one.name === name);
    if (transport === undefined) return null;
    const { wish, credential, clock, positions, take, unchanged } = this.#deps;
    const after = this.#wantsSnapshot ? null : positions.current;
    return new Link({
      transport,
      wish: { ...wish, url, after },
      credential,
      clock,
      positions,
      take,
      unchanged,
      established: (link) => this.#established(link),
    });
  }

  #established(link: Link): void {
    if (link === this.#trial) this.#replace(link);
    const { name } = link.transport;
    this.#ladder.established(name);
    this.#backoff.accepted();
    this.#askedAgain = false;
    this.#deps.log('info', 'connected', { transport: name, url: link.url });
    this.#planClimb();
    this.#deps.connected();
    this.#deps.changed();
  }

  /** The better connection stands; the one that stood until now is of no more use. */
  #replace(link: Link): void {
    const worse = this.#current;
    this.#trial = null;
    this.#current = link;
    worse?.close(CLOSED);
  }

  #planClimb(): void {
    this.#cancelClimb();
    if (this.#isStopped || this.#ladder.better === null) return;
    const delayMs = this.#ladder.climbDelayMs(this.#clock.random());
    this.#cancelClimb = this.#clock.after(delayMs, () => void this.#climb());
  }

  async #climb(): Promise<void> {
    const { better } = this.#ladder;
    const trial = this.#current === null || better === null ? null : this.#link(better, this.#current.url);
    if (trial === null || better === null) return;
    this.#trial = trial;
    const end = await trial.over;
    if (this.#trial !== trial) return;
    this.#trial = null;
    this.#ladder.climbFailed(better, end);
    this.#deps.log('debug', 'a better transport failed', {
      transport: better,
      why: end.message,
    });
    this.#planClimb();
  }

  #dropTrial(): void {
    this.#cancelClimb();
    const trial = this.#trial;
    this.#trial = null;
    trial?.close(CLOSED);
  }

  /** How long to wait before the next try. */
  #plan(end: End, stoodMs: number | null): number {
    const { cause, retryAfterMs } = end;
    this.#backoff.ended(stoodMs ?? 0);
    const isAtOnce = this.#ladder.ended(end, stoodMs);
    if (!SAME_EVERYWHERE.includes(cause)) this.#turn += 1;
    if (BEGIN_ANEW.includes(cause)) this.#wantsSnapshot = true;
    if (isAtOnce) return 0;
    if (cause === 'unauthorised') return this.#planRefused();
    return retryAfterMs === undefined ? this.#backoff.next() : this.#backoff.nextAfter(retryAfterMs);
  }

  /** A callback is asked once more at once: what was refused may just have been replaced. */
  #planRefused(): number {
    const isWorthIt = this.#deps.isFreshCredential && !this.#askedAgain;
    this.#askedAgain = true;
    return isWorthIt ? 0 : this.#backoff.nextAfterRefusal();
  }

  #report(end: End, delayMs: number): void {
    const { cause, message } = end;
    const details = { cause, why: message, nextTryInMs: Math.round(delayMs) };
    const isExpected = cause === 'draining' || (delayMs === 0 && cause !== 'gap');
    this.#deps.log(isExpected ? 'info' : 'warn', 'the connection is over', details);
    if (!isExpected) this.#deps.failed(errorOf(end), FAULTS.includes(cause));
  }

  #stoodMs(): number | null {
    const since = this.#current?.since ?? null;
    return since === null ? null : this.#clock.now() - since;
  }

  #nextUrl(): string {
    const { urls } = this.#deps;
    return urls[this.#turn % urls.length] ?? '';
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function errorOf({ cause, message, code }: End): PromptForgeError {
  if (cause === 'unauthorised') return new Unauthorised(message);
  if (cause === 'gap') return new PromptForgeError(code ?? 'GAP', message);
  return new PromptForgeError(cause === 'refused' ? 'REFUSED' : 'CONNECTION_LOST', message);
}
