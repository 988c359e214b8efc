import { messageOf } from './errors.ts';
import { Assembler } from './assembler.ts';
import type { Change } from './assembler.ts';
import type { Clock } from './clock.ts';
import type { Frame } from './frame.ts';
import type { Positions } from './positions.ts';
import { endOfError } from './transport.ts';
import type { End, Opened, Sink, Transport, Wish } from './transport.ts';

/** Bookmarks, pings and comments come every 15 s. */
const SILENCE_MAX_MS = 45_000;
/** Until anything is answered at all. */
const OPENING_MAX_MS = 15_000;

export interface LinkDeps {
  readonly transport: Transport;
  readonly wish: Omit<Wish, 'credential'>;
  readonly credential: () => Promise<string>;
  readonly clock: Clock;
  readonly positions: Positions;
  /** The first frame came: it stands. Before anything is taken of it. */
  readonly established: (link: Link) => void;
  /** Takes what is whole. @throws Gap */
  readonly take: (link: Link, change: Change) => Promise<void>;
  /** The server confirmed that all is as it was. */
  readonly unchanged: (cursor: string | null) => void;
}

/** One connection, from its opening to its end. */
export class Link {
  readonly over: Promise<End>;
  readonly #deps: LinkDeps;
  readonly #assembler: Assembler;
  #resolve: (end: End) => void = () => {};
  #opened: Opened | null = null;
  #since: number | null = null;
  #isOver = false;
  #cancelWatch: () => void = () => {};
  /** Frames are taken one after the other, each when the one before it was. */
  #queue: Promise<void> = Promise.resolve();

  constructor(deps: LinkDeps) {
    this.#deps = deps;
    this.#assembler = new Assembler(deps.positions);
    this.over = new Promise((resolve) => (this.#resolve = resolve));
    this.#watch(OPENING_MAX_MS);
    void this.#open();
  }

  get transport(): Transport {
    return this.#deps.transport;
  }

  get url(): string {
    return this.#deps.wish.url;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Since when it stands; null: it does not, or not yet. */
  get since(): number | null {
    return this.#since;
  }

  /** Gives it up. */
  close(end: End): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelWatch();
    this.#opened?.close();
    this.#resolve(end);
  }

  async #open(): Promise<void> {
    const { transport, wish } = this.#deps;
    try {
      const credential = await this.#deps.credential();
      if (!this.#isOver) this.#opened = transport.open({ ...wish, credential }, this.#sink());
    } catch (error) {
      this.close({ cause: 'lost', message: `the credential could not be had: ${messageOf(error)}` });
    }
  }

  #sink(): Sink {
    return {
      alive: () => this.#alive(),
      frame: (frame) => this.#then(() => this.#take(frame)),
      unchanged: (cursor) =>
        void this.#then(async () => {
          this.#stand();
          this.#deps.unchanged(cursor);
        }),
      // What came before the end counts.
      ended: (end) => void this.#then(async () => this.close(end)),
    };
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#queue = this.#after(this.#queue, step);
    return this.#queue;
  }

  async #after(before: Promise<void>, step: () => Promise<void>): Promise<void> {
    await before;
    if (this.#isOver) return;
    try {
      await step();
    } catch (error) {
      this.close(endOfError(error));
    }
  }

  async #take(frame: Frame): Promise<void> {
    this.#stand();
    const change = this.#assembler.take(frame);
    this.#watch(SILENCE_MAX_MS);
    if (change !== null) await this.#deps.take(this, change);
  }

  #stand(): void {
    if (this.#since !== null) return;
    this.#since = this.#deps.clock.now();
    this.#deps.established(this);
  }

  /** Pings do not make up for a commit or a snapshot that does not end. */
  #alive(): void {
    if (!this.#isOver && !this.#assembler.isPending) this.#watch(SILENCE_MAX_MS);
  }

  #watch(limitMs: number): void {
    this.#cancelWatch();
    if (this.#isOver) return;
    this.#cancelWatch = this.#deps.clock.after(limitMs, () => {
      const what = this.#assembler.isPending ? 'the rest of a commit or a snapshot' : 'anything';
      this.close({ cause: 'lost', message: `${limitMs / 1_000} s passed without ${what}` });
    });
  }
}
