import type { Reader } from '../db/client.ts';
import type { LogHead, StoredEvent } from '../db/event-log.ts';
import { Unavailable } from '../domain/errors.ts';
import type { ChannelState } from '../db/channel-state.ts';
import { ChannelStates } from './channel-states.ts';
import { CommitLog } from './commit-log.ts';
import type { FeedConsumer } from './feed-types.ts';
import { placeOf } from './feed-commit.ts';
import { Group } from './group.ts';
import type { Audience, HubDeps, HubMeters, HubTimes } from './hub-deps.ts';
import type { Follower, Member } from './member.ts';
import { Pace } from './pace.ts';
import { Slots } from './slots.ts';
import { startOf } from './resume.ts';
import type { Start } from './resume.ts';

/** Batches of frames that are rendered at one moment, of all groups: the database has other readers too. */
const RENDERINGS_AT_ONCE = 4;
const REACH_MS = 2_000;

export interface HubOptions {
  readonly reader: Reader;
  /** For following the feed: never behind the reader's heavy queries. */
  readonly control: Reader;
  /** How far the feed has told its consumers. */
  readonly headOf: (workspaceId: string) => LogHead | undefined;
  /** Whether this node has got that far, after waiting a while for it. */
  readonly reach: (workspaceId: string, seq: bigint, timeoutMs: number) => Promise<boolean>;
  readonly lagMs: (workspaceId: string) => number;
  readonly meters: HubMeters;
  readonly times: HubTimes;
  readonly onFailure: (error: unknown) => void;
  readonly audience: Audience;
}

/** Who follows channels on this node: one rendering of each frame for all who see the same. */
export class Hub implements FeedConsumer {
  readonly #deps: HubDeps;
  readonly #reach: HubOptions['reach'];
  readonly #groups = new Map<string, Map<string, Group>>();
  readonly #bookmarks: NodeJS.Timeout;

  constructor({ reader, control, headOf, reach, lagMs, meters, times, onFailure, audience }: HubOptions) {
    const log = new CommitLog({ control, reader }, headOf);
    const states = new ChannelStates(reader, log);
    this.#deps = {
      log,
      states,
      reach,
      pace: new Pace(),
      slots: new Slots(RENDERINGS_AT_ONCE),
      meters,
      audience,
      times,
      lagMs,
      onFailure,
    };
    this.#reach = reach;
    this.#bookmarks = setInterval(() => this.#each((group) => group.bookmarkDue()), times.bookmarkMs);
    this.#bookmarks.unref();
  }

  /** @throws BadCursor; Unavailable when this node knows nothing of the workspace yet; whatever the database fails with */
  async startOf(
    workspaceId: string,
    wish: { readonly after: string | null; readonly snapshot: boolean },
  ): Promise<Start> {
    return startOf({ log: this.#deps.log, reach: this.#reach }, workspaceId, wish);
  }

  /** What a channel serves at one moment, for who does not follow it: as fresh as what this node tells. @throws what the database fails with */
  async channelState(workspaceId: string, channel: string): Promise<ChannelState> {
    const state = await this.#deps.states.read(workspaceId, channel, 0n);
    // The database may be ahead of this node: whoever reads of a version here and fetches it here shall get it.
    await this.#reach(workspaceId, state.head.seq, REACH_MS);
    return state;
  }

  /** @returns how the follower leaves. @throws Unavailable when this node knows nothing of the workspace yet */
  join(follower: Follower): () => void {
    const { workspaceId, rendering } = follower;
    const head = this.#deps.log.head(workspaceId);
    if (head === undefined)
      throw new Unavailable('this node has not read the log of this workspace yet: try again');
    const groups = this.#groups.get(workspaceId) ?? new Map<string, Group>();
    this.#groups.set(workspaceId, groups);
    const group = groups.get(rendering.key) ?? new Group(follower, head, this.#deps);
    groups.set(rendering.key, group);
    const member = group.join(follower);
    return this.#leaving(group, member, this.#deps.audience.joined(member));
  }

  /** By itself: a function keeps whatever any function beside it uses, here for as long as somebody follows. */
  #leaving(group: Group, member: Member, release: () => void): () => void {
    return () => {
      release();
      group.leave(member);
      if (group.size === 0) this.#forget(group);
    };
  }

  #forget(group: Group): void {
    const { workspaceId, key } = group;
    const groups = this.#groups.get(workspaceId);
    if (groups?.get(key) !== group) return;
    groups.delete(key);
    if (groups.size === 0) this.#groups.delete(workspaceId);
  }

  /** How many groups there are, how many follow them, and how many of those are catching up. */
  counts(): { groups: number; members: number; behind: number } {
    const counts = { groups: 0, members: 0, behind: 0 };
    this.#each((group) => {
      counts.groups += 1;
      counts.members += group.size;
      counts.behind += group.behind;
    });
    return counts;
  }

  async apply(workspaceId: string, events: readonly StoredEvent[]): Promise<void> {
    await this.#deps.log.append(workspaceId, events);
    for (const group of this.#groups.get(workspaceId)?.values() ?? []) group.advance();
  }

  async reset(workspaceId: string, head: LogHead | undefined): Promise<void> {
    this.#deps.log.restart(workspaceId, head);
    for (const group of this.#groups.get(workspaceId)?.values() ?? []) {
      if (head === undefined) group.endAll('WORKSPACE_GONE');
      else group.restart(placeOf(head));
    }
  }

  close(): void {
    clearInterval(this.#bookmarks);
  }

  #each(what: (group: Group) => void): void {
    for (const groups of this.#groups.values()) for (const group of groups.values()) what(group);
  }
}
