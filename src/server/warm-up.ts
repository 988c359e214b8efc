import type { Reader } from '../db/client.ts';
import { readHotPlaces } from '../db/hot-places.ts';
import type { HotPlace } from '../db/hot-places.ts';
import { inBatches } from '../delivery/batches.ts';
import type { Snapshot } from '../delivery/snapshot.ts';
import type { Log } from './log.ts';

const PLACES_MAX = 10_000;
const LASTS_MS_MAX = 20_000;
/** The rest is for what is asked for now. */
const SHARE_MAX = 0.75;

export interface WarmUpOptions {
  /** Not the readers' pool: those who ask for something else now come first there. */
  readonly control: Reader;
  readonly snapshot: Pick<Snapshot, 'warm' | 'sizeBytes'>;
  readonly bytesMax: number;
  readonly log: Log;
}

export interface WarmUp {
  /** Settles when it has ended, by itself or because of stop. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Brings what was fetched most before this start into memory, behind the requests: the node is ready without it, and what is missing is
 * loaded when it is asked for. It spares the first of them the way to the database, and serves them should the database go away soon.
 */
export function startWarmUp(options: WarmUpOptions): WarmUp {
  const stopping = new AbortController();
  const ended = warmUp(options, stopping.signal).catch((error: unknown) =>
    options.log.info({ err: error }, 'what was hot before is loaded when it is asked for'),
  );
  return {
    ended,
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

async function warmUp(
  { control, snapshot, bytesMax, log }: WarmUpOptions,
  signal: AbortSignal,
): Promise<void> {
  const beganMs = performance.now();
  const isOver = () =>
    signal.aborted ||
    performance.now() - beganMs > LASTS_MS_MAX ||
    snapshot.sizeBytes() > bytesMax * SHARE_MAX;
  let loaded = 0;
  for (const [workspaceId, places] of byWorkspace(await readHotPlaces(control, PLACES_MAX))) {
    for (const batch of inBatches(places, ({ bytes }) => bytes)) {
      if (isOver()) break;
      await snapshot.warm(workspaceId, batch);
      loaded += batch.length;
    }
  }
  const ms = Math.round(performance.now() - beganMs);
  if (loaded > 0) log.info({ prompts: loaded, ms }, 'what was hot before is in memory again');
}

function byWorkspace(places: readonly HotPlace[]): Map<string, HotPlace[]> {
  const found = new Map<string, HotPlace[]>();
  for (const place of places) {
    const others = found.get(place.workspaceId);
    if (others === undefined) found.set(place.workspaceId, [place]);
    else others.push(place);
  }
  return found;
}
