import { UNSENT_BYTES_MAX } from './catch-up.ts';
import type { FeedCommit, FeedPlace } from './feed-commit.ts';
import type { HubDeps } from './hub-deps.ts';
import type { Listener, Member } from './member.ts';
import type { Payload } from './payload.ts';
import type { Tallies } from './tallies.ts';
import { sharedTold } from './told.ts';
import type { Told } from './told.ts';

/** What becomes of members that are not simply written to. */
interface Outcomes {
  /** History was replaced: everybody begins anew, and nobody is written to any more. Asked after each turn. */
  readonly isOver: () => boolean;
  /** It takes no more. */
  readonly onSlow: (member: Member) => void;
  /** Its stream is at fault: that one ends, and none of those behind it. */
  readonly onBroken: (member: Member) => void;
}

/**
 * Writes to all live members of a group. Nothing is made for a single one of them: what is counted is counted once for many, and how far
 * they are stands in one place for all.
 */
export class FanOut {
  /** In no copy: who comes or goes meanwhile is met or not, and `heard` tells who has it already. */
  readonly #live: ReadonlySet<Member>;
  readonly #tallies: Tallies;
  readonly #deps: HubDeps;
  readonly #told = sharedTold();
  /** Of those who hear bookmarks too. */
  readonly #toldOfBookmarks = sharedTold();

  constructor(live: ReadonlySet<Member>, tallies: Tallies, deps: HubDeps) {
    this.#live = live;
    this.#tallies = tallies;
    this.#deps = deps;
  }

  /** What the follower shares with the others when it was told the same. */
  sharedBy({ bookmarks }: Pick<Listener, 'bookmarks'>): Told {
    return bookmarks ? this.#toldOfBookmarks : this.#told;
  }

  async commit(
    payloads: readonly Payload[],
    { end, atMicros }: FeedCommit,
    outcomes: Outcomes,
  ): Promise<void> {
    const { pace, meters, audience } = this.#deps;
    const frames = payloads.map(({ frame }) => frame);
    const newcomers: Member[] = [];
    let members = 0;
    const count = () => {
      meters.delivered({ members, frames: frames.length }, atMicros);
      this.#tallies.tell(frames, audience);
      members = 0;
    };
    for (const member of this.#live) {
      if (member.heard >= end.seq) continue;
      if (this.#write(member, payloads, outcomes)) {
        members += 1;
        this.#tallies.add(member.tally);
        if (member.told !== member.shared) newcomers.push(member);
      }
      const turn = pace.sent(frames.length);
      if (turn === null) continue;
      count();
      await turn;
      if (outcomes.isOver()) return;
    }
    count();
    this.#told.cursor = end.cursor;
    this.#toldOfBookmarks.cursor = end.cursor;
    this.#joinOthers(newcomers, end);
  }

  async bookmark(payload: Payload, place: FeedPlace, outcomes: Outcomes): Promise<void> {
    const newcomers: Member[] = [];
    for (const member of this.#live) {
      // Who joined with a state from further on hears no bookmark from before it.
      if (member.shared !== this.#toldOfBookmarks || member.heard > place.seq) continue;
      if (this.#write(member, [payload], outcomes) && member.told !== member.shared) newcomers.push(member);
      await this.#deps.pace.sent();
      if (outcomes.isOver()) return;
    }
    this.#toldOfBookmarks.cursor = place.cursor;
    this.#joinOthers(newcomers, place);
  }

  /** At the end: until then the others were not told as much as these. */
  #joinOthers(newcomers: readonly Member[], { cursor }: FeedPlace): void {
    // What one alone shares with nobody is a second row in the list of open streams.
    const isAlone = this.#live.size < 2;
    for (const member of newcomers) {
      if (isAlone) member.tellAlone(cursor);
      else member.told = member.shared;
    }
  }

  #write(member: Member, payloads: readonly Payload[], { onSlow, onBroken }: Outcomes): boolean {
    const { sink } = member;
    try {
      for (const payload of payloads) {
        if (sink.unsentBytes() > UNSENT_BYTES_MAX) {
          onSlow(member);
          return false;
        }
        if (!sink.send(payload)) {
          member.tellAlone();
          return false;
        }
      }
      return true;
    } catch (error) {
      this.#deps.onFailure(error);
      onBroken(member);
      return false;
    }
  }
}
