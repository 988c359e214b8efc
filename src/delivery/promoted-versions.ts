import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import type { Reader } from '../db/client.ts';
import { loadPromoted } from '../db/serving.ts';
import type { ServedVersion } from '../db/serving.ts';
import type { Snapshot } from './snapshot.ts';

/** What different subscribers ask for within a moment; what is fetched too is in the snapshot. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;
/** Not longer: the slug that was read with it may be another one since. */
const KEPT_MS = 1_000;
const OVERHEAD_BYTES = 1_024;
const BATCH_MAX = 100;

/** A promotion as an event tells of it. */
interface Promoted {
  readonly slug: string;
  readonly channel: string;
  readonly promptId: string;
  readonly version: number | null;
  readonly promotionId: string;
  /** The end of its commit. */
  readonly commitCursor: string;
}

/** The versions that promotions put on their channels: what was promoted then, whatever the channels serve now. */
export interface PromotedVersions {
  /** At once where it is in memory. Rejects with what the database fails with; null: there is none. */
  find(workspaceId: string, promoted: Promoted): ServedVersion | Promise<ServedVersion | null>;
  /** Of what is kept beside the snapshot. */
  sizeBytes(): number;
}

/** A promotion never changes, so what was read of it is right for more than one; whoever asks at one moment asks in one statement. */
export function createPromotedVersions(reader: Reader, snapshot: Pick<Snapshot, 'peek'>): PromotedVersions {
  const kept = new LRUCache<string, ServedVersion>({
    maxSize: KEPT_BYTES_MAX,
    ttl: KEPT_MS,
    sizeCalculation: ({ content }) => OVERHEAD_BYTES + 2 * JSON.stringify(content).length,
  });
  const underWay = new Map<string, Promise<ServedVersion | null>>();
  const loader = new DataLoader<Asked, ServedVersion | null>((asked) => load(reader, asked), {
    cache: false,
    maxBatchSize: BATCH_MAX,
  });

  async function read(workspaceId: string, promotionId: string): Promise<ServedVersion | null> {
    const served = await loader.load({ workspaceId, promotionId });
    if (served !== null) kept.set(promotionId, served);
    return served;
  }

  return {
    find: (workspaceId, promoted) => {
      const { promotionId } = promoted;
      const known = servedNow(snapshot, workspaceId, promoted) ?? kept.get(promotionId);
      if (known !== undefined) return known;
      const others = underWay.get(promotionId);
      if (others !== undefined) return others;
      const reading = read(workspaceId, promotionId).finally(() => underWay.delete(promotionId));
      underWay.set(promotionId, reading);
      return reading;
    },
    sizeBytes: () => kept.calculatedSize,
  };
}

interface Asked {
  readonly workspaceId: string;
  readonly promotionId: string;
}

async function load(reader: Reader, asked: readonly Asked[]): Promise<(ServedVersion | null)[]> {
  const found = new Map<string, ServedVersion>();
  for (const workspaceId of new Set(asked.map((one) => one.workspaceId))) {
    const ids = asked.filter((one) => one.workspaceId === workspaceId).map(({ promotionId }) => promotionId);
    for (const [id, served] of await loadPromoted(reader, workspaceId, ids)) found.set(id, served);
  }
  return asked.map(({ promotionId }) => found.get(promotionId) ?? null);
}

/** What the channel serves at this moment, if that is by this promotion. */
function servedNow(
  snapshot: Pick<Snapshot, 'peek'>,
  workspaceId: string,
  { slug, channel, promptId, version, commitCursor }: Promoted,
): ServedVersion | undefined {
  const served = snapshot.peek(workspaceId, slug, channel);
  const isIt =
    served?.cursor === commitCursor && served?.promptId === promptId && served?.version === version;
  return isIt ? served : undefined;
}
