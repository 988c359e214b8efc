import type { Frame } from './frame.ts';
import type { ChannelEventsSubscription, ServedFragment } from './generated/operations.ts';
import { parseFields, parseServed, parseText } from './served-prompt.ts';
import type { ServedPrompt } from './types.ts';

type Told = ChannelEventsSubscription['channelEvents'];

/** A frame of the subscription. @throws Malformed, or a TypeError where something is not there at all */
export function frameOfGraph(value: unknown, channel: string): Frame {
  const fields = parseFields(value, 'a frame');
  const more = fields['more'] === true;
  // Of what this client does not know, nothing is demanded.
  if (!isKnown(fields['__typename'])) {
    return { type: 'unknown', cursor: typeof fields['cursor'] === 'string' ? fields['cursor'] : null, more };
  }
  return { ...frameOf(fields as unknown as Told, channel), cursor: parseText(fields, 'cursor'), more };
}

type Placed<Of> = Of extends Frame ? Omit<Of, 'cursor' | 'more'> : never;

function frameOf(told: Told, channel: string): Placed<Frame> {
  if (told.__typename === 'Bookmark') return { type: 'bookmark', lagMs: told.lagMs };
  if (told.__typename === 'VersionWithdrawn')
    return { type: 'withdrawn', slug: parseText(parseFields(told, 'a frame'), 'slug') };
  if (told.__typename === 'VersionPromoted') {
    const { slug, version, promotion, previousVersion } = told;
    const served = servedOf(version, { slug, channel, promotedAt: promotion.createdAt });
    const previous = previousVersion?.number ?? null;
    return { type: 'promoted', slug, served, previous, kind: promotion.kind };
  }
  const { reason, part, complete } = told;
  const entries = told.entries.map(({ prompt: { slug }, since, version }) =>
    servedOf(version, { slug, channel, promotedAt: since }),
  );
  return { type: 'snapshot', reason, part, complete, entries };
}

function isKnown(typename: unknown): boolean {
  const known: readonly unknown[] = [
    'Bookmark',
    'VersionWithdrawn',
    'VersionPromoted',
    'ChannelSnapshot',
  ] satisfies Told['__typename'][];
  return known.includes(typename);
}

function servedOf(
  { number, ...version }: ServedFragment,
  place: Pick<ServedPrompt, 'slug' | 'channel' | 'promotedAt'>,
): ServedPrompt {
  return parseServed({ ...version, ...place, version: number });
}
