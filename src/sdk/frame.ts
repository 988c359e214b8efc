import type { Promoted, ServedPrompt } from './types.ts';

/** What the server tells, the same over every transport. */
interface FrameBase {
  /** Where to go on from; null where the event stream gives none. */
  readonly cursor: string | null;
  /** Further frames of the same commit follow. */
  readonly more: boolean;
}

export interface SnapshotFrame extends FrameBase {
  readonly type: 'snapshot';
  readonly reason: string;
  readonly part: number;
  readonly complete: boolean;
  readonly entries: readonly ServedPrompt[];
}

interface PromotedFrame extends FrameBase {
  readonly type: 'promoted';
  readonly slug: string;
  readonly served: ServedPrompt;
  /** What was served before, as the server says; undefined: it does not say. */
  readonly previous: number | null | undefined;
  readonly kind: Promoted['kind'];
}

interface WithdrawnFrame extends FrameBase {
  readonly type: 'withdrawn';
  readonly slug: string;
}

interface BookmarkFrame extends FrameBase {
  readonly type: 'bookmark';
  readonly lagMs: number;
}

/** A frame of a newer server: only its place counts. */
interface UnknownFrame extends FrameBase {
  readonly type: 'unknown';
}

export type Move = PromotedFrame | WithdrawnFrame;
export type Frame = SnapshotFrame | Move | BookmarkFrame | UnknownFrame;

/** Something is missing, or is not what the server meant: what the channel serves has to be asked for anew. */
export class Gap extends Error {
  readonly code: 'GAP' | 'MALFORMED' | 'CONTENT_MISMATCH';

  constructor(code: Gap['code'], message: string) {
    super(message);
    this.code = code;
  }
}
