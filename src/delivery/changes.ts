import { z } from 'zod';
import type { StoredEvent } from '../db/event-log.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';

/** Where a channel's pointer for one prompt stands after the events. */
export interface Move {
  readonly promptId: string;
  readonly slug: string;
  readonly channel: string;
  /** Null: it serves the prompt no more. */
  readonly promotionId: string | null;
  readonly seq: bigint;
  /** The end of its commit. */
  readonly cursor: string;
}

/** What events change of the answers. */
export interface Changes {
  /** The last move of each prompt on each channel. */
  readonly moves: readonly Move[];
  /** A rename frees one slug and takes another, and is all that changes a numbered answer. By prompt: the last one's sequence. */
  readonly renamed: ReadonlyMap<string, bigint>;
  /** Under these slugs something may be served that was not, or was not that: the last event's sequence of each. */
  readonly slugs: ReadonlyMap<string, bigint>;
}

const FACTS = z.object({
  slug: z.string().optional(),
  channel: z.string().optional(),
  before: z.object({ slug: z.string().optional() }).optional(),
});
type Facts = z.infer<typeof FACTS>;

const TELLING = new Set([
  'VersionPromoted',
  'VersionWithdrawn',
  'PromptCreated',
  'PromptUpdated',
  'PromptArchived',
  'PromptRestored',
]);

export function changesOf(events: readonly StoredEvent[]): Changes {
  const ends = new Map(events.map((event) => [event.commitSeq, event]));
  const moves = new Map<string, Move>();
  const renamed = new Map<string, bigint>();
  const slugs = new Map<string, bigint>();
  for (const event of events) {
    if (!TELLING.has(event.type)) continue;
    const { type, promptId, seq } = event;
    const facts = FACTS.parse(JSON.parse(event.payload));
    const { slug, before } = facts;
    if (slug === undefined || promptId === null) continue;
    // Other metadata are not served.
    if (type === 'PromptUpdated' && before?.slug === undefined) continue;
    slugs.set(slug, seq);
    if (before?.slug !== undefined) {
      slugs.set(before.slug, seq);
      renamed.set(promptId, seq);
    }
    const move = moveOf(event, facts, ends.get(event.commitSeq) ?? event);
    if (move !== null) moves.set(`${move.channel} ${promptId}`, move);
  }
  return { moves: [...moves.values()], renamed, slugs };
}

function moveOf(
  { type, promptId, promotionId, seq }: StoredEvent,
  { slug, channel }: Facts,
  end: StoredEvent,
): Move | null {
  if (type !== 'VersionPromoted' && type !== 'VersionWithdrawn') return null;
  if (promptId === null || slug === undefined || channel === undefined) return null;
  const served = type === 'VersionPromoted' ? promotionId : null;
  return { promptId, slug, channel, promotionId: served, seq, cursor: encodeFeedCursor(end) };
}
