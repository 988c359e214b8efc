import { inline, paint, second } from './output.ts';
import type { WatchedCommit } from './watch-follow.ts';
import type { WatchFrame } from './watch-frames.ts';

/** A channel that moved, as it is told: a line for people, an object for programs. */
export interface WatchedMove {
  readonly slug: string;
  readonly channel: string;
  readonly from: number | null;
  readonly to: number | null;
  /** RENAME: the channel did not move, the slug did; the record of the last move says nothing of that. */
  readonly kind: 'PROMOTION' | 'ROLLBACK' | 'SAVE' | 'WITHDRAWAL' | 'RENAME';
  readonly at: string | null;
  readonly by: string | null;
  readonly reason: string | null;
  readonly breakGlass: boolean;
  /** From the record of the move, by the server's clock, until it was here, by this machine's. */
  readonly tookMs: number | null;
  /** Where --since goes on behind it. */
  readonly cursor: string;
}

type MovingFrame = Extract<WatchFrame, { __typename: 'VersionPromoted' | 'VersionWithdrawn' }>;

/** The moves of a commit; a bookmark or a snapshot holds none. */
export function movesOf(
  { cursor, frames }: WatchedCommit,
  channel: string,
  arrivedAt: number,
): WatchedMove[] {
  return frames
    .filter((frame) => frame.__typename === 'VersionPromoted' || frame.__typename === 'VersionWithdrawn')
    .map((frame) => {
      const record = recordOf(frame, cursor, arrivedAt);
      return { slug: frame.slug, channel, ...wayOf(frame, record.kind), ...record, cursor };
    });
}

function wayOf(frame: MovingFrame, kind: WatchedMove['kind']): Pick<WatchedMove, 'from' | 'to'> {
  if (frame.__typename === 'VersionPromoted') {
    const from = kind === 'RENAME' ? null : frame.previousVersion;
    return { from: from?.number ?? null, to: frame.version.number };
  }
  const { previousVersion, version } = frame.promotion;
  return { from: (kind === 'RENAME' ? version : previousVersion)?.number ?? null, to: null };
}

type MoveRecord = Pick<WatchedMove, 'kind' | 'at' | 'by' | 'reason' | 'breakGlass' | 'tookMs'>;

/** The record that the frame came with is of its own commit; after a rename it is of an earlier one. */
function recordOf({ promotion }: MovingFrame, cursor: string, arrivedAt: number): MoveRecord {
  if (promotion.cursor !== cursor) {
    return { kind: 'RENAME', at: null, by: null, reason: null, breakGlass: false, tookMs: null };
  }
  const { kind, createdAt: at, reason, breakGlass, actor } = promotion;
  return { kind, at, by: actor.name, reason, breakGlass, tookMs: arrivedAt - Date.parse(at) };
}

const KIND_STYLE = {
  PROMOTION: 'green',
  SAVE: 'green',
  ROLLBACK: 'yellow',
  WITHDRAWAL: 'red',
  RENAME: 'cyan',
} as const;

export function moveLine(move: WatchedMove, arrivedAt: number): string {
  const { slug, from, to, kind, at, by, reason, breakGlass, tookMs } = move;
  const who = by === null ? '' : `by ${inline(by)}${reason === null ? '' : `: ${inline(reason)}`}`;
  return [
    paint('dim', second(at ?? new Date(arrivedAt).toISOString())),
    paint('bold', slug),
    `${from ?? 'nothing'} -> ${to ?? 'nothing'}`,
    paint(KIND_STYLE[kind], kind),
    who,
    breakGlass ? paint('red', 'OVER ITS POLICY') : '',
    tookMs === null ? '' : paint('dim', `(${duration(tookMs)})`),
  ]
    .filter((part) => part !== '')
    .join('  ');
}

/** "14 ms", "3.2 s", "2 min". */
export function duration(ms: number): string {
  if (Math.abs(ms) < 1_000) return `${Math.round(ms)} ms`;
  return Math.abs(ms) < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
