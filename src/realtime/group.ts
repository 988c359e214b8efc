import { isUnavailable } from '../db/database-errors.ts';
import { CatchUp, UNSENT_BYTES_MAX } from './catch-up.ts';
import type { Stage } from './catch-up.ts';
import type { FeedCommit, FeedPlace } from './feed-commit.ts';
import { bookmark } from './frames.ts';
import type { HubDeps } from './hub-deps.ts';
import { Member } from './member.ts';
import type { EndReason, Follower } from './member.ts';
import type { Payload } from './payload.ts';
import { Renderer } from './renderer.ts';
import { snapshotOf } from './resume.ts';
import { tellingOf } from './telling.ts';
import type { Telling } from './telling.ts';

const RETRY_MS = 250;

/** Followers that get the same bytes: one rendering of each frame for all of them. */
export class Group implements Stage {
  readonly workspaceId: string;
  readonly telling: Telling;
  readonly renderer: Renderer;
  readonly deps: HubDeps;
  /** How far the group has told, or is telling just now. */
  place: FeedPlace;
  readonly #members = new Set<Member>();
  /** Members that have heard of everything up to `place`, or are about to. */
  readonly #live = new Set<Member>();
  #telling = false;
  #again = false;
  #bookmarkDue = false;

  constructor({ workspaceId, topic, rendering }: Follower, place: FeedPlace, deps: HubDeps) {
    this.workspaceId = workspaceId;
    this.telling = tellingOf(topic);
    this.renderer = new Renderer(rendering, deps.slots, () => this.#members.size > 0);
    this.place = place;
    this.deps = deps;
  }

  get size(): number {
    return this.#members.size;
  }

  get behind(): number {
    return this.#members.size - this.#live.size;
  }

  join(follower: Follower): Member {
    const member = new Member(follower);
    this.#members.add(member);
    void new CatchUp(this, member).from(follower.start);
    return member;
  }

  leave(member: Member): void {
    member.run += 1;
    this.#members.delete(member);
    this.#live.delete(member);
  }

  has(member: Member): boolean {
    return this.#members.has(member);
  }

  attach(member: Member, { seq }: FeedPlace): void {
    member.heard = seq;
    member.isSlow = false;
    this.#live.add(member);
  }

  end(member: Member, reason: EndReason): void {
    if (!this.has(member)) return;
    this.leave(member);
    this.deps.meters.ended(reason);
    member.follower.sink.end(reason);
  }

  endAll(reason: EndReason): void {
    for (const member of this.#members) this.end(member, reason);
  }

  /** The log has more, or may have. */
  advance(): void {
    this.#again = true;
    if (!this.#telling) void this.#tell();
  }

  /** A bookmark for those who want one, as soon as nothing else is to be told. */
  bookmarkDue(): void {
    this.#bookmarkDue = true;
    this.advance();
  }

  /** History was replaced: everybody begins anew. */
  restart(place: FeedPlace): void {
    this.place = place;
    this.#live.clear();
    for (const member of this.#members) void new CatchUp(this, member).from(snapshotOf('HISTORY_CHANGED'));
  }

  async #tell(): Promise<void> {
    this.#telling = true;
    try {
      while (this.#again) {
        this.#again = false;
        const commits = await this.deps.log.after(this.workspaceId, this.place.seq);
        for (const commit of commits) await this.#tellCommit(commit);
        // Without progress what was read is of a history that is being replaced: whoever notices it starts everybody anew.
        if (commits.length > 0 && this.place === commits.at(-1)?.end) this.#again = true;
        else if (commits.length === 0 && this.#bookmarkDue) await this.#tellBookmark();
      }
    } catch (error) {
      // The log goes on from where it stands.
      if (!isUnavailable(error)) this.deps.onFailure(error);
      setTimeout(() => this.advance(), RETRY_MS).unref();
    } finally {
      this.#telling = false;
    }
  }

  async #tellCommit(commit: FeedCommit): Promise<void> {
    const before = this.place;
    // History was replaced since the commit was read.
    if (commit.begin.cursor !== before.cursor) return;
    const frames = this.telling.framesOf(commit);
    const payloads = this.#live.size === 0 ? [] : await this.#render(frames);
    if (payloads === null || this.place !== before) return;
    // From here on who comes to the end of the log has to catch this commit up by itself.
    this.place = commit.end;
    const members = [...this.#live].filter((member) => member.heard < commit.end.seq);
    if (payloads.length > 0) await this.#send(members, payloads, commit);
  }

  /** Null: it failed for a reason of its own, and the members were told. */
  async #render(frames: Parameters<Renderer['renderAll']>[0]): Promise<Payload[] | null> {
    try {
      return await this.renderer.renderAll(frames);
    } catch (error) {
      if (this.#members.size > 0) this.deps.onFailure(error);
      for (const member of this.#live) this.end(member, 'FAILED');
      return null;
    }
  }

  async #send(members: readonly Member[], payloads: readonly Payload[], commit: FeedCommit): Promise<void> {
    const { pace, meters } = this.deps;
    const { length: frames } = payloads;
    let told = 0;
    for (const member of members) {
      // History was replaced: everybody begins anew.
      if (this.place !== commit.end) return;
      if (!this.#live.has(member)) continue;
      if (this.#sendTo(member, payloads)) told += 1;
      else this.#fallBehind(member, commit);
      const turn = pace.sent(frames);
      if (turn === null) continue;
      meters.delivered({ members: told, frames }, commit.atMicros);
      told = 0;
      await turn;
    }
    meters.delivered({ members: told, frames }, commit.atMicros);
  }

  /** @returns false when the member takes no more. A fault of one stream ends that one, and none of those behind it. */
  #sendTo(member: Member, payloads: readonly Payload[]): boolean {
    const { sink } = member.follower;
    try {
      for (const payload of payloads) {
        if (sink.unsentBytes() > UNSENT_BYTES_MAX) return false;
        sink.send(payload);
      }
    } catch (error) {
      this.deps.onFailure(error);
      this.end(member, 'FAILED');
    }
    return true;
  }

  #fallBehind(member: Member, { begin }: FeedCommit): void {
    this.#live.delete(member);
    member.isSlow = true;
    const epoch = this.deps.log.epoch(this.workspaceId);
    void new CatchUp(this, member).from({ kind: 'after', place: begin, epoch });
  }

  async #tellBookmark(): Promise<void> {
    this.#bookmarkDue = false;
    const { place } = this;
    const members = [...this.#live].filter(({ follower }) => follower.bookmarks);
    if (members.length === 0) return;
    const payload = await this.renderer.render(bookmark(place, this.deps.lagMs(this.workspaceId)));
    if (this.place !== place) return;
    for (const member of members) {
      // Who joined with a state from further on hears no bookmark from before it.
      if (!this.#live.has(member) || member.heard > place.seq) continue;
      this.#sendTo(member, [payload]);
      await this.deps.pace.sent();
    }
  }
}
