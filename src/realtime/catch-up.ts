import { setTimeout as delay } from 'node:timers/promises';
import { isUnavailable } from '../db/database-errors.ts';
import { beginningOf, placeOf } from './feed-commit.ts';
import type { FeedCommit, FeedPlace } from './feed-commit.ts';
import { bookmark, framesOfState } from './frames.ts';
import type { Frame, SnapshotReason } from './frames.ts';
import type { HubDeps } from './hub-deps.ts';
import type { EndReason, Member } from './member.ts';
import type { Payload } from './payload.ts';
import { RENDERED_AT_ONCE } from './renderer.ts';
import type { Renderer } from './renderer.ts';
import type { Start } from './resume.ts';
import type { Telling } from './telling.ts';

/** More than this unsent, and a member is written to no further until it has taken what it has. */
export const UNSENT_BYTES_MAX = 256 * 1024;

const RETRY_MS = 250;
const REACH_MS = 2_000;
/** How many frames are rendered before it is known how large they are. */
const FIRST_AT_ONCE = 2;
/** So many events are looked through at once for the newest of each slug. */
const CONFLATED_EVENTS_MAX = 5_000;

/** The group, as who catches up sees it. */
export interface Stage {
  readonly workspaceId: string;
  readonly telling: Telling;
  readonly renderer: Renderer;
  readonly deps: HubDeps;
  /** How far the group has told. */
  readonly place: FeedPlace;
  has(member: Member): boolean;
  /** From here on the member hears what all hear. */
  attach(member: Member, place: FeedPlace): void;
  end(member: Member, reason: EndReason): void;
}

/** Brings one member to where its group is, at the member's own pace. */
export class CatchUp {
  readonly #stage: Stage;
  readonly #member: Member;
  readonly #run: number;

  constructor(stage: Stage, member: Member) {
    this.#stage = stage;
    this.#member = member;
    member.run += 1;
    this.#run = member.run;
  }

  /** Settles when the member hears what all hear, or is no member any more. Never rejects. */
  async from(start: Start): Promise<void> {
    try {
      let at = await this.#begin(start);
      while (at !== null) at = await this.#step(at);
    } catch (error) {
      if (this.#isOver()) return;
      this.#stage.deps.onFailure(error);
      this.#stage.end(this.#member, 'FAILED');
    }
  }

  async #begin(start: Start): Promise<FeedPlace | null> {
    const { deps, workspaceId, place } = this.#stage;
    if (start.kind === 'snapshot') return this.#snapshot(start.reason, start.seen);
    if (start.kind === 'now') return deps.log.head(workspaceId) ?? place;
    // History was replaced between the look at the cursor and this moment.
    return start.epoch === deps.log.epoch(workspaceId) ? start.place : this.#snapshot('HISTORY_CHANGED', 0n);
  }

  /** @returns where to go on; null when there is nothing left to do here. */
  async #step(at: FeedPlace): Promise<FeedPlace | null> {
    if (!(await this.#hasRoom())) return null;
    if (at.seq >= this.#stage.place.seq) return this.#attach(at);
    const commits = await this.#patiently(() => this.#next(at));
    if (this.#isOver()) return null;
    const [first] = commits;
    if (first?.begin.cursor === at.cursor) return this.#replay(commits, at);
    // The log gives nothing, or not what follows: history is being replaced, and whoever notices it starts this member anew.
    await delay(RETRY_MS, undefined, { ref: false });
    return at;
  }

  async #attach(at: FeedPlace): Promise<FeedPlace | null> {
    const { deps, renderer, workspaceId } = this.#stage;
    const { bookmarks } = this.#member.listener;
    const greeting = bookmarks ? await renderer.render(bookmark(at, deps.lagMs(workspaceId))) : null;
    if (this.#isOver()) return null;
    // The group went on meanwhile: so must the member before it may be told that it is there.
    if (at.seq < this.#stage.place.seq) return at;
    if (greeting !== null) this.#write(greeting);
    this.#stage.attach(this.#member, at);
    return null;
  }

  /** What comes after a place; for a slow member of mode LATEST as much as can be looked through at once. */
  async #next(at: FeedPlace): Promise<readonly FeedCommit[]> {
    const { deps, workspaceId } = this.#stage;
    const commits = [...(await deps.log.after(workspaceId, at.seq))];
    let events = commits.reduce((sum, commit) => sum + commit.events, 0);
    while (this.#skips() && events > 0 && events < CONFLATED_EVENTS_MAX) {
      const more = await deps.log.after(workspaceId, commits.at(-1)?.end.seq ?? at.seq);
      if (more.length === 0) break;
      commits.push(...more);
      events += more.reduce((sum, commit) => sum + commit.events, 0);
    }
    return commits;
  }

  async #replay(commits: readonly FeedCommit[], at: FeedPlace): Promise<FeedPlace | null> {
    const { telling, deps } = this.#stage;
    if (this.#skips()) {
      const { frames, left } = telling.conflated(commits);
      deps.meters.conflated(left);
      return (await this.#send(frames)) ? (commits.at(-1)?.end ?? at) : null;
    }
    let place = at;
    for (const commit of commits) {
      if (!(await this.#send(telling.framesOf(commit)))) return null;
      place = commit.end;
      if (this.#skips()) break;
    }
    return place;
  }

  async #snapshot(reason: SnapshotReason, seen: bigint): Promise<FeedPlace | null> {
    const { workspaceId, telling, deps, place } = this.#stage;
    const { channel, matches } = telling;
    if (channel === null) return deps.log.head(workspaceId) ?? place;
    const state = await this.#patiently(() => deps.states.read(workspaceId, channel, seen));
    const end = placeOf(state.head);
    // The database may be ahead of this node: whoever hears of a version here and fetches it here shall get it.
    await deps.reach(workspaceId, end.seq, REACH_MS);
    const frames = framesOfState(state, matches, { reason, beginning: beginningOf(workspaceId), end });
    return (await this.#send(frames)) ? end : null;
  }

  /** @returns false when there is nobody to send to any more. */
  async #send(frames: readonly Frame[]): Promise<boolean> {
    const { renderer, deps } = this.#stage;
    let count = FIRST_AT_ONCE;
    for (let from = 0; from < frames.length;) {
      if (!(await this.#hasRoom())) return false;
      const payloads = await renderer.renderAll(frames.slice(from, from + count));
      from += payloads.length;
      count = nextCount(payloads);
      for (const payload of payloads) {
        if (!(await this.#hasRoom())) return false;
        if (this.#write(payload)) deps.meters.replayed(1);
        await deps.pace.sent();
      }
    }
    return !this.#isOver();
  }

  #write(payload: Payload): boolean {
    const member = this.#member;
    if (!member.sink.send(payload)) return false;
    member.tellAlone(payload.frame.cursor);
    this.#stage.deps.audience.pushed(payload.frame, member.listener, 1);
    return true;
  }

  /** Waits until the member has taken what it was sent; one that takes nothing for too long is ended. */
  async #hasRoom(): Promise<boolean> {
    const { sink } = this.#member;
    const { stalledMs } = this.#stage.deps.times;
    for (;;) {
      if (this.#isOver()) return false;
      if (sink.unsentBytes() <= UNSENT_BYTES_MAX) return true;
      const taken = sink.takenBytes();
      this.#member.isSlow = true;
      const patience = new AbortController();
      await Promise.race([
        sink.drained(),
        delay(stalledMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined),
      ]);
      patience.abort();
      // Others may write to the same connection: what counts is whether anything was taken.
      if (sink.takenBytes() === taken) this.#stage.end(this.#member, 'SLOW_CONSUMER');
    }
  }

  /** Asks again while the database is away. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (this.#isOver() || !isUnavailable(error)) throw error;
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  #skips(): boolean {
    return this.#member.isSlow && this.#member.listener.mode === 'LATEST';
  }

  #isOver(): boolean {
    return this.#member.run !== this.#run || !this.#stage.has(this.#member);
  }
}

/** What is rendered and not taken yet is memory, one that reads slowly holds it for long: about as much as may be unsent, and one frame at least. */
function nextCount(payloads: readonly Payload[]): number {
  const bytes = payloads.reduce((sum, payload) => sum + payload.bytes.length, 1);
  const fitting = Math.floor((payloads.length * UNSENT_BYTES_MAX) / bytes);
  return Math.max(1, Math.min(RENDERED_AT_ONCE, fitting));
}
