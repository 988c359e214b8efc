import { LRUCache } from 'lru-cache';
import type { Reader } from '../db/client.ts';
import { findHash, readEvents } from '../db/event-log.ts';
import type { LogHead, StoredEvent } from '../db/event-log.ts';
import { beginningOf, placeOf, toCommits } from './feed-commit.ts';
import type { FeedCommit, FeedPlace } from './feed-commit.ts';

/** Events of one workspace that stay in memory; what is older is read from the database. */
const EVENTS_KEPT = 2_000;
const WORKSPACES_KEPT = 100;
const PAGE = 500;

interface Kept {
  head: FeedPlace;
  events: number;
  readonly commits: FeedCommit[];
}

/** The log of each workspace as far as this node tells of it: the newest commits in memory, older ones from the database. */
export class CommitLog {
  readonly #control: Reader;
  readonly #reader: Reader;
  readonly #headOf: (workspaceId: string) => LogHead | undefined;
  /** The logs of the workspaces that were asked for last; of another one only its head is known, from the feed. */
  readonly #kept = new LRUCache<string, Kept>({ max: WORKSPACES_KEPT });
  /** How often the history of a workspace was replaced. */
  readonly #epochs = new Map<string, number>();
  readonly #pages = new Map<string, Promise<readonly FeedCommit[]>>();
  readonly #places = new Map<string, Promise<FeedPlace | null>>();

  /** `control`: for following the feed. `headOf`: how far the feed had got when this node first told of a workspace. */
  constructor(
    { control, reader }: { readonly control: Reader; readonly reader: Reader },
    headOf: (workspaceId: string) => LogHead | undefined,
  ) {
    this.#control = control;
    this.#reader = reader;
    this.#headOf = headOf;
  }

  /** Another number: another history. What was read under the old one is worth nothing. */
  epoch(workspaceId: string): number {
    return this.#epochs.get(workspaceId) ?? 0;
  }

  /** How far this node tells; undefined before it knows anything of the workspace. */
  head(workspaceId: string): FeedPlace | undefined {
    return this.#find(workspaceId)?.head;
  }

  /** Takes whole commits that continue the head; what is there already is left out. */
  async append(workspaceId: string, events: readonly StoredEvent[]): Promise<void> {
    const before = this.head(workspaceId)?.seq ?? 0n;
    const news = events.filter(({ seq }) => seq > before);
    const commits = await toCommits(this.#control, workspaceId, news);
    const [first, last] = [commits[0], commits.at(-1)];
    if (first === undefined || last === undefined) return;
    const log = this.#find(workspaceId) ?? { head: first.begin, events: 0, commits: [] };
    this.#kept.set(workspaceId, log);
    log.commits.push(...commits);
    log.events += news.length;
    log.head = last.end;
    forgetOldest(log);
  }

  /** The next whole commits after a place, some hundred events of them; empty at the head. */
  async after(workspaceId: string, seq: bigint): Promise<readonly FeedCommit[]> {
    const log = this.#find(workspaceId);
    if (log === undefined || seq >= log.head.seq) return [];
    const oldest = log.commits[0];
    if (oldest !== undefined && seq >= oldest.begin.seq) return pageOf(log.commits, seq);
    const epoch = this.epoch(workspaceId);
    const page = await once(this.#pages, `${workspaceId} ${epoch} ${seq}`, () =>
      this.#read(workspaceId, seq),
    );
    // The database may be ahead of what this node tells: nobody hears of a commit before this node serves it.
    return epoch === this.epoch(workspaceId) ? page.filter((commit) => commit.end.seq <= log.head.seq) : [];
  }

  /** The place of this sequence in the history that this node knows; null when the log does not hold it. */
  async placeAt(workspaceId: string, seq: bigint): Promise<FeedPlace | null> {
    const log = this.#find(workspaceId);
    if (seq === log?.head.seq) return log.head;
    if (seq === 0n) return beginningOf(workspaceId);
    const known = log?.commits.find((commit) => commit.end.seq === seq);
    if (known !== undefined) return known.end;
    return once(this.#places, `${workspaceId} ${this.epoch(workspaceId)} ${seq}`, async () => {
      const hash = await findHash(this.#reader, workspaceId, seq);
      return hash === null ? null : placeOf({ seq, hash });
    });
  }

  /** History was replaced and goes on from this head. Undefined: the workspace is gone. */
  restart(workspaceId: string, head: LogHead | undefined): void {
    this.#epochs.set(workspaceId, this.epoch(workspaceId) + 1);
    if (head === undefined) this.#kept.delete(workspaceId);
    else this.#kept.set(workspaceId, { head: placeOf(head), events: 0, commits: [] });
  }

  #find(workspaceId: string): Kept | undefined {
    const known = this.#kept.get(workspaceId);
    if (known !== undefined) return known;
    const head = this.#headOf(workspaceId);
    if (head === undefined) return undefined;
    const begun: Kept = { head: placeOf(head), events: 0, commits: [] };
    this.#kept.set(workspaceId, begun);
    return begun;
  }

  async #read(workspaceId: string, seq: bigint): Promise<readonly FeedCommit[]> {
    for (let limit = PAGE; ; limit *= 2) {
      const events = await readEvents(this.#reader, workspaceId, seq, limit);
      const cut = events.length < limit ? undefined : events.at(-1)?.commitSeq;
      const whole = events.filter((event) => event.commitSeq !== cut);
      if (whole.length > 0 || cut === undefined) return toCommits(this.#reader, workspaceId, whole);
    }
  }
}

/** At most one of a key at a time: whoever asks meanwhile gets the same answer. */
function once<T>(running: Map<string, Promise<T>>, key: string, run: () => Promise<T>): Promise<T> {
  const known = running.get(key);
  if (known !== undefined) return known;
  const promise = run().finally(() => running.delete(key));
  running.set(key, promise);
  return promise;
}

function forgetOldest(log: Kept): void {
  let drop = 0;
  while (log.events > EVENTS_KEPT && drop < log.commits.length - 1) {
    log.events -= log.commits[drop]?.events ?? 0;
    drop += 1;
  }
  log.commits.splice(0, drop);
}

function pageOf(commits: readonly FeedCommit[], seq: bigint): readonly FeedCommit[] {
  const from = commits.findIndex((commit) => commit.end.seq > seq);
  if (from === -1) return [];
  let to = from;
  let events = 0;
  while (to < commits.length && events < PAGE) {
    events += commits[to]?.events ?? 0;
    to += 1;
  }
  return commits.slice(from, to);
}
