import { Acknowledger } from './acknowledger.ts';
import { Applying } from './applying.ts';
import type { Change } from './assembler.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { Closed, messageOf, PromptForgeError, TooStale } from './errors.ts';
import { eventStream } from './event-stream.ts';
import { Follower } from './follower.ts';
import { Gap } from './frame.ts';
import { Freshness } from './freshness.ts';
import { Keeper, readKept } from './keeping.ts';
import type { Link } from './link.ts';
import { Audience } from './listeners.ts';
import { parseOptions } from './options.ts';
import type { PromptForgeOptions, Settings } from './options.ts';
import { polling } from './polling.ts';
import { Positions } from './positions.ts';
import { PromptState } from './prompt-state.ts';
import { Reading } from './reading.ts';
import { Readiness } from './readiness.ts';
import { writeSnapshotFile } from './snapshot-file.ts';
import type { Transport } from './transport.ts';
import type { Log, LogLevel, Source, Status, TransportName } from './types.ts';
import { findSocketClass } from './web-socket.ts';
import { webSocket } from './websocket.ts';

/** Without a change the cache is written so often, so that its cursor does not grow too old to go on from. */
const SAVE_UNCHANGED_MS = 5 * 60_000;

/** The client behind createPromptForge, without the types that codegen fills in. Takes its clock from tests. */
export class PromptForgeClient {
  readonly reading: Reading;
  readonly audience: Audience;
  readonly readiness: Readiness;
  readonly #options: PromptForgeOptions;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #state = new PromptState();
  readonly #positions = new Positions();
  readonly #applying: Applying;
  readonly #freshness: Freshness;
  readonly #follower: Follower;
  readonly #acknowledger: Acknowledger;
  readonly #keeper: Keeper | null;
  #credential = '';
  #source: Status['source'] = null;
  #lagMs: number | null = null;
  #lastError: Error | null = null;
  #told = '';
  #savedAt = 0;
  #isNewLink = true;
  #closing: Promise<void> | null = null;

  constructor(options: PromptForgeOptions, clock: Clock = systemClock) {
    const settings = parseOptions(options);
    this.#options = options;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = (...line) => {
      try {
        options.log?.(...line);
      } catch {
        // Whoever logs must not be able to end what is logged.
      }
    };
    this.audience = new Audience((error, event) =>
      this.#write('error', `a listener of "${event}" threw`, error),
    );
    if (options.onStale !== undefined) this.audience.on('stale', options.onStale);
    this.readiness = new Readiness(clock, () => this.#lastError);
    this.reading = new Reading(this.#state, settings.channel, () => this.#refusal());
    const failed = (error: PromptForgeError) => this.#failed(error, true);
    this.#applying = new Applying({ state: this.#state, positions: this.#positions, clock, failed });
    this.#freshness = new Freshness(clock, settings.staleAfterMs, (isStale) => this.#staleness(isStale));
    this.#keeper = options.cache === undefined ? null : this.#keeperOf(options.cache);
    this.#follower = this.#followerOf();
    this.#acknowledger = this.#acknowledgerOf();
    void this.#begin();
  }

  slugs(): string[] {
    this.requireOpen();
    return this.#state.slugs();
  }

  /** @throws Closed */
  requireOpen(): void {
    if (this.#closing !== null) throw new Closed();
  }

  status(): Status {
    const { transport, url, failures } = this.#follower;
    const { channel, instance } = this.#settings;
    return {
      connected: transport !== null,
      transport,
      source: this.#source,
      cursor: this.#positions.current,
      lagMs: this.#lagMs,
      freshAt: this.#freshness.freshAt,
      staleSince: this.#freshness.staleSince,
      serverUrl: url,
      channel,
      instance,
      prompts: this.#state.size,
      failures,
      lastError: this.#lastError,
      closed: this.#closing !== null,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#freshness.stop();
    this.#acknowledger.stop();
    this.readiness.close();
    await this.#follower.stop();
    if (this.#source === 'server') this.#save();
    await this.#keeper?.flush();
    this.#tellStatus();
  }

  async #begin(): Promise<void> {
    const warn = (message: string) =>
      this.#failed(new PromptForgeError('FILE_IGNORED', message), true, 'warn');
    const kept = await readKept(this.#options, { topic: this.#settings, clock: this.#clock, warn });
    if (this.#closing !== null) return;
    if (kept !== null) {
      this.#state.load(kept.served, kept.isComplete);
      if (kept.cursor !== null) this.#positions.beginAt(kept.cursor);
      this.#known(kept.source);
      // A clock that was ahead once must not make the file fresh for ever.
      this.#freshness.proved(Math.min(kept.savedAt.getTime(), this.#clock.now()));
    }
    this.#follower.start();
  }

  async #take(link: Link, change: Change): Promise<void> {
    if (change.type === 'bookmark') return this.#bookmark(change.cursor, change.lagMs);
    const missed = change.type === 'commit' ? this.#applying.missedBefore(change.moves) : null;
    const differences = await this.#applying.apply(change, () => this.#follower.isCurrent(link));
    if (differences === null) return undefined;
    if (change.type === 'replace') this.#follower.tookSnapshot();
    this.#known('server');
    this.#freshness.proved(this.#clock.now());
    this.#acknowledger.applied(change.cursor);
    this.#isNewLink = false;
    this.#save();
    if (change.type === 'replace') {
      const { reason, cursor } = change;
      this.audience.tell('snapshot', { reason, prompts: this.#state.size, cursor });
    }
    for (const difference of differences) {
      if (difference.event === 'promoted') this.audience.tell('promoted', difference.told);
      else this.audience.tell('withdrawn', difference.told);
    }
    if (missed !== null) throw new Gap('GAP', `"${missed}" does not follow on what was known`);
  }

  /** The server says that there was nothing else up to here. */
  #bookmark(cursor: string | null, lagMs: number): void {
    if (cursor !== null && !this.#positions.isBehind(cursor)) this.#positions.moveTo(cursor);
    this.#lagMs = lagMs;
    if (this.#state.isKnown) this.#known('server');
    this.#freshness.proved(this.#clock.now() - lagMs);
    const { current } = this.#positions;
    if (this.#isNewLink && current !== null) this.#acknowledger.applied(current);
    else this.#acknowledger.retry();
    this.#isNewLink = false;
    if (this.#clock.now() - this.#savedAt >= SAVE_UNCHANGED_MS) this.#save();
  }

  #known(source: Exclude<Source, 'memory'>): void {
    this.#source = source;
    this.readiness.known(source);
    this.#tellStatus();
  }

  #save(): void {
    this.#savedAt = this.#clock.now();
    // What was damaged on its way would pass for what is not served: the file from before it says less, and nothing wrong.
    if (this.#state.isWhole) this.#keeper?.save();
  }

  #refusal(): Error | null {
    const { maxStaleMs } = this.#settings;
    if (maxStaleMs === null || !this.#state.isKnown || !this.#freshness.isOlderThan(maxStaleMs)) return null;
    return new TooStale(maxStaleMs, this.#freshness.freshAt);
  }

  #staleness(isStale: boolean): void {
    this.#tellStatus();
    if (isStale) this.audience.tell('stale', this.status());
  }

  #tellStatus(): void {
    const { connected, transport, source, serverUrl, staleSince, closed } = this.status();
    const told = JSON.stringify([
      connected,
      transport,
      source,
      connected && serverUrl,
      staleSince !== null,
      closed,
    ]);
    if (told === this.#told) return;
    this.#told = told;
    this.audience.tell('status', this.status());
  }

  #failed(error: PromptForgeError, isFault: boolean, level: LogLevel = 'error'): void {
    this.#lastError = error;
    if (error.code === 'UNAUTHORISED') this.readiness.refused(error);
    if (!isFault) return;
    this.#log(level, error.message, { code: error.code });
    this.audience.tell('error', error);
  }

  #write(level: LogLevel, message: string, error: unknown): void {
    this.#log(level, `${message}: ${messageOf(error)}`, {});
  }

  #followerOf(): Follower {
    const { urls, transports, isFreshCredential, credential } = this.#settings;
    return new Follower({
      urls,
      transports: transports.map((name) => this.#transportOf(name)),
      wish: this.#wish(),
      isFreshCredential,
      credential: async () => (this.#credential = await credential()),
      clock: this.#clock,
      positions: this.#positions,
      take: (link, change) => this.#take(link, change),
      unchanged: (cursor) => this.#bookmark(cursor, 0),
      connected: () => {
        this.#isNewLink = true;
        this.#acknowledger.reconnected();
      },
      changed: () => this.#tellStatus(),
      failed: (error, isFault) => this.#failed(error, isFault),
      log: this.#log,
    });
  }

  #acknowledgerOf(): Acknowledger {
    return new Acknowledger({
      fetcher: this.#fetcher(),
      clock: this.#clock,
      credential: () => this.#credential,
      wish: this.#wish(),
      url: () => this.#follower.url,
      failed: (error) => this.#write('debug', 'not acknowledged', error),
    });
  }

  #keeperOf(cache: NonNullable<PromptForgeOptions['cache']>): Keeper {
    const { channel, prompts } = this.#settings;
    return new Keeper(
      async () => {
        const [served, cursor] = [this.#state.served(), this.#positions.current];
        const savedAt = this.#freshness.freshAt ?? new Date(this.#clock.now());
        await cache.write(await writeSnapshotFile({ channel, prompts, cursor, savedAt, served }));
      },
      (error) => this.#failed(new PromptForgeError('CACHE_NOT_WRITTEN', messageOf(error)), true, 'warn'),
    );
  }

  #transportOf(name: TransportName): Transport {
    const { webSocket: given } = this.#options;
    if (name === 'sse') return eventStream(this.#fetcher());
    if (name === 'polling') return polling(this.#fetcher(), this.#clock);
    return webSocket(async () => given ?? findSocketClass());
  }

  #fetcher(): typeof fetch {
    return this.#options.fetch ?? ((input, init) => fetch(input, init));
  }

  #wish() {
    const { workspace, channel, prompts, instance } = this.#settings;
    return { workspace, channel, prompts, instance };
  }
}
