import type { PolledState } from './fake-try.ts';
import type { Content } from './format.ts';
import type { Telling } from './frames.ts';

export type KeptState = ReturnType<typeof createPolledState>;

/** What a poll is answered with: everything that was told so far. */
export function createPolledState(channel: string) {
  const entries = new Map<string, Content>();
  let cursor = '';
  return {
    take: ({ type, data, more, cursor: place }: Telling): void => {
      if (type === 'ChannelSnapshot' && data['part'] === 1) entries.clear();
      if (type === 'ChannelSnapshot')
        for (const entry of data['entries'] as Content[]) entries.set(String(entry['slug']), entry);
      if (type === 'VersionPromoted') entries.set(String(data['slug']), withoutMore(data));
      if (type === 'VersionWithdrawn') entries.delete(String(data['slug']));
      if (!more) cursor = place;
    },
    now: (headers: PolledState['headers'] = {}): PolledState => ({
      channel,
      cursor,
      entries,
      etag: `"${cursor}"`,
      headers,
    }),
  };
}

function withoutMore(entry: Content): Content {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'more'));
}
