import type { ChannelStates } from './channel-states.ts';
import type { CommitLog } from './commit-log.ts';
import type { EndReason, Member } from './member.ts';
import type { Pace } from './pace.ts';
import type { Slots } from './slots.ts';
import type { Counting } from './tallies.ts';

/** What the hub tells of itself. */
export interface HubMeters {
  /** The frames of a commit were written to some live members just now; `atMicros`: when the database recorded the commit. */
  delivered(count: { readonly members: number; readonly frames: number }, atMicros: bigint): void;
  /** Frames that were written to members that catch up. */
  replayed(frames: number): void;
  /** Events that a slow member in mode LATEST never hears of, because newer ones took their place. */
  conflated(events: number): void;
  /** The hub ended a stream. */
  ended(reason: EndReason): void;
}

/** Who lists the followers, and counts what they are sent. */
export interface Audience extends Counting {
  /** @returns how it leaves. */
  joined(member: Pick<Member, 'listener' | 'told'>): () => void;
}

/** How long the hub waits for what. */
export interface HubTimes {
  /** @default 15 s */
  readonly bookmarkMs: number;
  /** A member that takes nothing for so long is ended. @default 30 s */
  readonly stalledMs: number;
}

export const HUB_TIMES: HubTimes = { bookmarkMs: 15_000, stalledMs: 30_000 };

/** What every group shares. */
export interface HubDeps {
  readonly log: CommitLog;
  readonly states: ChannelStates;
  readonly pace: Pace;
  readonly slots: Slots;
  /** Whether this node has got that far, after waiting a while for it. */
  readonly reach: (workspaceId: string, seq: bigint, timeoutMs: number) => Promise<boolean>;
  readonly meters: HubMeters;
  readonly audience: Audience;
  readonly times: HubTimes;
  /** How long this node has known that it is behind the workspace's log; 0: it is not. */
  readonly lagMs: (workspaceId: string) => number;
  /** A surprise: somebody has to look. */
  readonly onFailure: (error: unknown) => void;
}
