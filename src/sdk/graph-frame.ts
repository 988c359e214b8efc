import type { Frame } from './frame.ts';
import type { ChannelEventsSubscription, ServedFragment } from './generated/operations.ts';
import { parseCount, parseFields, parseServed, parseText } from './served-prompt.ts';
import type { ServedPrompt } from './types.ts';

type Told = ChannelEventsSubscription['channelEvents'];

/** A frame of the subscription. @throws Malformed, or a TypeError where something is not there at all */
export function frameOfGraph(value: unknown, channel: string): Frame {
  const fields = parseFields(value, 'a frame');
  const more = fields['more'] === true;
  const frame = frameOf(fields as unknown as Told, channel);
  // Of what this client does not know, nothing is demanded.
  const cursor = frame === null ? (fields['cursor'] ?? null) : parseText(fields, 'cursor');
  return { ...(frame ?? { type: 'unknown' }), cursor: typeof cursor === 'string' ? cursor : null, more };
}

type Placed<Of> = Of extends Frame ? Omit<Of, 'cursor' | 'more'> : never;

/** Null: it is of a type that a newer server has. */
function frameOf(told: Told, channel: string): Placed<Frame> | null {
  if (told.__typename === 'Bookmark')
    return { type: 'bookmark', lagMs: parseCount(parseFields(told, 'a frame'), 'lagMs') };
  if (told.__typename === 'VersionWithdrawn')
    return { type: 'withdrawn', slug: parseText(parseFields(told, 'a frame'), 'slug') };
  if (told.__typename === 'VersionPromoted') {
    const { slug, version, promotion, previousVersion } = told;
    const served = servedOf(version, { slug, channel, promotedAt: promotion.createdAt });
    const previous = previousVersion?.number ?? null;
    return { type: 'promoted', slug, served, previous, kind: promotion.kind };
  }
  if (told.__typename !== 'ChannelSnapshot') return null;
  const { reason, part, complete } = told;
  const entries = told.entries.map(({ prompt: { slug }, since, version }) =>
    servedOf(version, { slug, channel, promotedAt: since }),
  );
  return { type: 'snapshot', reason, part, complete, entries };
}

function servedOf(
  { number, ...version }: ServedFragment,
  place: Pick<ServedPrompt, 'slug' | 'channel' | 'promotedAt'>,
): ServedPrompt {
  return parseServed({ ...version, ...place, version: number });
}
