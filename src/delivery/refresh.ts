import type { Reader } from '../db/client.ts';
import { loadPromoted, sizesOfPromoted } from '../db/serving.ts';
import { inBatches } from './batches.ts';
import { createBreath } from './breath.ts';
import type { Move } from './changes.ts';
import { represent } from './representation.ts';
import type { Served } from './representation.ts';

/** So few are loaded without asking first how large they are. */
const UNASKED_MAX = 16;

/** One key that is held, and where its channel was moved. */
export interface Moved {
  readonly key: string;
  readonly move: Move;
}

/**
 * What was promoted, by key: by the promotions that the events name, which never change, so that it is of their moment whatever is
 * committed meanwhile. A few at a time, and with pauses, however many moved at once. What is absent is to be loaded by who asks for it:
 * withdrawn, more than fits into `bytesMax`, or promoted beyond what the database shows.
 */
export async function loadMoved(
  reader: Reader,
  workspaceId: string,
  moved: readonly Moved[],
  bytesMax: number,
): Promise<Map<string, Served>> {
  const fresh = new Map<string, Served>();
  let bytes = 0;
  for (const batch of await batchesOf(reader, workspaceId, moved)) {
    if (bytes > bytesMax) break;
    const loaded = await loadPromoted(reader, workspaceId, promotionIds(batch));
    const breathe = createBreath();
    for (const { key, move } of batch) {
      const source = loaded.get(move.promotionId ?? '');
      if (source === undefined) continue;
      const { slug, channel, cursor } = move;
      const served = represent({ ...source, slug, channel, cursor });
      bytes += served.bytes;
      fresh.set(key, served);
      await breathe();
    }
  }
  return fresh;
}

async function batchesOf(reader: Reader, workspaceId: string, moved: readonly Moved[]): Promise<Moved[][]> {
  const promoted = moved.filter(({ move }) => move.promotionId !== null);
  if (promoted.length === 0) return [];
  if (promoted.length <= UNASKED_MAX) return [promoted];
  const sizes = await sizesOfPromoted(reader, workspaceId, promotionIds(promoted));
  return inBatches(promoted, ({ move }) => sizes.get(move.promotionId ?? '') ?? 0);
}

function promotionIds(moved: readonly Moved[]): string[] {
  return moved.flatMap(({ move: { promotionId } }) => (promotionId === null ? [] : [promotionId]));
}
