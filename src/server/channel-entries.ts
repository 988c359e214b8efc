import { LRUCache } from 'lru-cache';
import type { ServedPrompt } from '../db/channel-state.ts';
import type { Reader } from '../db/client.ts';
import { loadPromoted } from '../db/serving.ts';
import { deliveryAnswer } from '../delivery/representation.ts';
import { Slots } from '../realtime/slots.ts';

const CACHE_BYTES_MAX = 32 * 1024 * 1024;
/** Statements at one moment: the database has other readers too. */
const LOADS_AT_ONCE = 4;
const ENTRIES_MAX = 100;
const BYTES_MAX = 256 * 1024;

export interface ChannelEntries {
  /** What delivery answers for each of these, as JSON, in their order. */
  load(workspaceId: string, prompts: readonly ServedPrompt[]): Promise<readonly Buffer[]>;
}

/**
 * Served versions by their promotion, as JSON: a promotion never changes, so what was written once is good for ever. The newest stay in memory:
 * a fleet that polls fetches the same after each promotion.
 */
export function createChannelEntries(reader: Reader): ChannelEntries {
  const written = new LRUCache<string, Buffer>({
    maxSize: CACHE_BYTES_MAX,
    sizeCalculation: ({ length }) => length + 200,
  });
  const slots = new Slots(LOADS_AT_ONCE);

  async function load(workspaceId: string, prompts: readonly ServedPrompt[]): Promise<Buffer[]> {
    const known = prompts.map((prompt) => written.get(keyOf(workspaceId, prompt)));
    const missing = prompts.filter((_prompt, index) => known[index] === undefined);
    const ids = missing.map(({ promotionId }) => promotionId);
    const loaded = ids.length === 0 ? null : await loadPromoted(reader, workspaceId, ids);
    return prompts.map((prompt, index) => {
      const { promotionId, slug } = prompt;
      const before = known[index];
      if (before !== undefined) return before;
      const version = loaded?.get(promotionId);
      if (version === undefined) throw new Error(`promotion ${promotionId} has no version`);
      const entry = Buffer.from(JSON.stringify(deliveryAnswer({ ...version, slug })));
      written.set(keyOf(workspaceId, prompt), entry);
      return entry;
    });
  }

  return {
    load: async (workspaceId, prompts) =>
      prompts.every((prompt) => written.has(keyOf(workspaceId, prompt)))
        ? load(workspaceId, prompts)
        : // Looked for again when it is its turn: who came before may have loaded the same.
          slots.run(() => load(workspaceId, prompts)),
  };
}

/** So many of them at a time that one page of an answer is small, whatever the prompts are. */
export function pagesOfPrompts(prompts: readonly ServedPrompt[]): ServedPrompt[][] {
  const pages: ServedPrompt[][] = [];
  let bytes = 0;
  for (const prompt of prompts) {
    const page = pages.at(-1);
    const isFull =
      page === undefined || page.length === ENTRIES_MAX || bytes + prompt.contentBytes > BYTES_MAX;
    if (isFull) pages.push([prompt]);
    else page.push(prompt);
    bytes = isFull ? prompt.contentBytes : bytes + prompt.contentBytes;
  }
  return pages;
}

function keyOf(workspaceId: string, { promotionId, slug }: ServedPrompt): string {
  return `${workspaceId} ${promotionId} ${slug}`;
}
