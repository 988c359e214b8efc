/** One promotion as its subscribers hear of it. */
export interface Told {
  readonly id: string;
  readonly slug: string;
}

interface Frame {
  readonly __typename: string;
  readonly cursor: string;
  readonly slug?: string;
  readonly promotion?: { readonly id: string };
}

/** What the others of the same folder heard: the first one writes down what all must hear. */
const heardBy = new Map<string, string[]>();
/** In the order in which they came here first. */
const ordinals = new Map<string, number>();

/** What one subscriber hears, judged as it comes: ALL everything and in order, LATEST never backwards. */
export class SoakEars {
  readonly follows: string;
  readonly mode: 'ALL' | 'LATEST';
  readonly faults: string[] = [];
  readonly #reference: string[];
  readonly #latest = new Map<string, string>();
  #live: () => void = () => undefined;
  cursor: string | null = null;
  isLive = false;
  heard = 0;

  constructor(follows: string, mode: 'ALL' | 'LATEST') {
    this.follows = follows;
    this.mode = mode;
    this.#reference = heardBy.get(follows) ?? [];
    heardBy.set(follows, this.#reference);
  }

  live(): Promise<void> {
    return new Promise((resolve) => {
      this.#live = resolve;
    });
  }

  hear(payload: unknown): void {
    const { data, errors } = payload as { data?: { channelEvents: Frame }; errors?: unknown };
    if (data === undefined || errors !== undefined) return this.#blame(JSON.stringify(payload));
    const frame = data.channelEvents;
    this.cursor = frame.cursor;
    if (frame.__typename === 'Bookmark') {
      this.isLive = true;
      this.#live();
    } else if (frame.__typename === 'VersionPromoted') this.#promoted(frame);
    else this.#blame(`a ${frame.__typename}`);
  }

  #promoted({ slug = '', promotion: { id } = { id: '' } }: Frame): void {
    if (!ordinals.has(id)) ordinals.set(id, ordinals.size);
    const before = this.#latest.get(slug);
    if (before !== undefined && (ordinals.get(before) ?? 0) >= (ordinals.get(id) ?? 0))
      this.#blame(`${slug} went back`);
    this.#latest.set(slug, id);
    if (this.mode === 'ALL') {
      const expected = (this.#reference[this.heard] ??= id);
      if (expected !== id) this.#blame(`event ${this.heard} is not what the others heard`);
    }
    this.heard += 1;
  }

  /** Not yet everything: who asks waits. */
  isBehind(told: readonly Told[]): boolean {
    const own = told.filter(({ slug }) => slug.startsWith(this.follows.replace('*', '')));
    if (this.mode === 'ALL') return this.heard < own.length;
    const newest = new Map(own.map(({ slug, id }) => [slug, id]));
    return [...newest].some(([slug, id]) => this.#latest.get(slug) !== id);
  }

  faultsAfter(told: readonly Told[]): string[] {
    const own = told.filter(({ slug }) => slug.startsWith(this.follows.replace('*', '')));
    const found = [...this.faults];
    if (this.isBehind(told))
      found.push(`${this.mode} ${this.follows}: ${this.heard} of ${own.length} events`);
    const wrong = own.findIndex(({ id }, index) => this.#reference[index] !== id);
    if (this.mode === 'ALL' && wrong !== -1)
      found.push(`${this.follows}: event ${wrong} is not what was promoted`);
    return found;
  }

  #blame(what: string): void {
    if (this.faults.length < 5) this.faults.push(`${this.mode} ${this.follows}: ${what}`);
  }
}
