import { isUnavailable } from '../db/database-errors.ts';
import { CatchUp } from './catch-up.ts';
import type { Stage } from './catch-up.ts';
import type { FeedCommit, FeedPlace } from './feed-commit.ts';
import { FanOut } from './fan-out.ts';
import { bookmark } from './frames.ts';
import type { HubDeps } from './hub-deps.ts';
import { Member } from './member.ts';
import type { EndReason, Follower, Listener } from './member.ts';
import type { Payload } from './payload.ts';
import { Renderer } from './renderer.ts';
import { snapshotOf } from './resume.ts';
import { Tallies } from './tallies.ts';
import { tellingOf } from './telling.ts';
import type { Telling } from './telling.ts';

const RETRY_MS = 250;

/** Followers that get the same bytes: one rendering of each frame for all of them. */
export class Group implements Stage {
  readonly workspaceId: string;
  /** What its members have in common. */
  readonly key: string;
  readonly telling: Telling;
  readonly renderer: Renderer;
  readonly deps: HubDeps;
  /** How far the group has told, or is telling just now. */
  place: FeedPlace;
  readonly #members = new Set<Member>();
  /** Members that have heard of everything up to `place`, or are about to. */
  readonly #live = new Set<Member>();
  readonly #tallies = new Tallies();
  readonly #fanOut: FanOut;
  #telling = false;
  #again = false;
  #bookmarkDue = false;
  /** How many members want bookmarks. */
  #bookmarked = 0;
  #lastListener: Listener | null = null;

  constructor({ workspaceId, topic, rendering }: Follower, place: FeedPlace, deps: HubDeps) {
    this.workspaceId = workspaceId;
    this.key = rendering.key;
    this.telling = tellingOf(topic);
    this.renderer = new Renderer(rendering, deps.slots, () => this.#members.size > 0);
    this.place = place;
    this.deps = deps;
    this.#fanOut = new FanOut(this.#live, this.#tallies, deps);
  }

  get size(): number {
    return this.#members.size;
  }

  get behind(): number {
    return this.#members.size - this.#live.size;
  }

  join(follower: Follower): Member {
    const member = new Member(this.#listenerOf(follower), {
      sink: follower.sink,
      tally: this.#tallies.join(follower),
      shared: this.#fanOut.sharedBy(follower),
    });
    this.#members.add(member);
    if (follower.bookmarks) this.#bookmarked += 1;
    void new CatchUp(this, member).from(follower.start);
    return member;
  }

  /** What a follower brings along to begin with is let go of, and who is as the one before shares what is known of that one. */
  #listenerOf({ actor, transport, topic, mode, instance, bookmarks }: Follower): Listener {
    const last = this.#lastListener;
    const isAsLast =
      last?.actor === actor &&
      last.transport === transport &&
      last.mode === mode &&
      last.instance === instance &&
      last.bookmarks === bookmarks;
    if (last !== null && isAsLast) return last;
    const { workspaceId } = this;
    this.#lastListener = { workspaceId, actor, transport, topic, mode, instance, bookmarks };
    return this.#lastListener;
  }

  leave(member: Member): void {
    if (!this.#members.delete(member)) return;
    member.run += 1;
    this.#live.delete(member);
    this.#tallies.leave(member.tally);
    if (member.listener.bookmarks) this.#bookmarked -= 1;
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
    member.sink.end(reason);
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
    for (const member of this.#members) {
      member.tellAlone();
      void new CatchUp(this, member).from(snapshotOf('HISTORY_CHANGED'));
    }
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
    if (payloads.length === 0) return;
    await this.#fanOut.commit(payloads, commit, {
      isOver: () => this.place !== commit.end,
      onSlow: (member) => this.#fallBehind(member, commit),
      onBroken: (member) => this.end(member, 'FAILED'),
    });
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

  #fallBehind(member: Member, { begin }: FeedCommit): void {
    this.#live.delete(member);
    member.isSlow = true;
    member.tellAlone();
    const epoch = this.deps.log.epoch(this.workspaceId);
    void new CatchUp(this, member).from({ kind: 'after', place: begin, epoch });
  }

  async #tellBookmark(): Promise<void> {
    this.#bookmarkDue = false;
    const { place } = this;
    if (this.#bookmarked === 0) return;
    const payload = await this.renderer.render(bookmark(place, this.deps.lagMs(this.workspaceId)));
    if (this.place !== place) return;
    await this.#fanOut.bookmark(payload, place, {
      isOver: () => this.place !== place,
      onSlow: (member) => member.tellAlone(),
      onBroken: (member) => this.end(member, 'FAILED'),
    });
  }
}
