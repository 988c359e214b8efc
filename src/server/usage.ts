import type { Database } from '../db/client.ts';
import type { OpenStream } from '../db/stream-subscribers.ts';
import { createUsage } from '../delivery/usage.ts';
import type { Usage } from '../delivery/usage.ts';
import type { Log } from './log.ts';
import { startSubscriberTable } from './subscriber-table.ts';
import { startUsageFlusher } from './usage-flusher.ts';

/** About 30 MB; a key that fetches a prompt is one entry a minute, and none once it is stored. */
const ENTRIES_MAX = 100_000;

/** Counts who is given which version, and lists who listens to this node; both are stored every few seconds. */
export function startUsage(options: {
  readonly database: Database;
  readonly nodeId: string;
  readonly openStreams: () => readonly OpenStream[];
  readonly log: Log;
}): { readonly usage: Usage; listSoon(): void; stop(): Promise<void> } {
  const usage = createUsage({ entriesMax: ENTRIES_MAX });
  const flusher = startUsageFlusher(options.database, usage, options.log);
  const subscribers = startSubscriberTable(options);
  return {
    usage,
    listSoon: () => subscribers.soon(),
    stop: async () => {
      await Promise.all([flusher.stop(), subscribers.stop()]);
    },
  };
}
