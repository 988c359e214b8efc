import { LRUCache } from 'lru-cache';
import type { Served } from './representation.ts';

/** A channel's name or a version's number. */
export type Selector = { readonly channel: string } | { readonly number: number };

/** Where a served version is held. */
export interface Place {
  readonly workspaceId: string;
  readonly slug: string;
  readonly selector: Selector;
}

/** A served version, and the sequence up to which it is known to be what is served: later events are those that change it. */
interface Held {
  readonly served: Served;
  readonly seq: bigint;
}

/** Served versions in memory, bounded by bytes: those that were asked for least recently go first. */
export interface HeldVersions {
  get(key: string): Served | undefined;
  /** As get, but does not count as having been asked for. */
  peek(key: string): Held | undefined;
  set(key: string, held: Held): void;
  delete(key: string): void;
  /** All that is held of a prompt. Costs what it finds, not what there is. */
  ofPrompt(workspaceId: string, promptId: string): [key: string, held: Held][];
  deleteWorkspace(workspaceId: string): void;
  sizeBytes(): number;
  /** How many were pushed out by others. */
  evictions(): number;
}

export function keyOf({ workspaceId, slug, selector }: Place): string {
  return `${workspaceId}\n${selectorText(selector)}\n${slug}`;
}

/** No channel has a number for a name. */
export function selectorText(selector: Selector): string {
  return 'channel' in selector ? selector.channel : String(selector.number);
}

export function createHeldVersions(bytesMax: number): HeldVersions {
  const keysByPrompt = new Map<string, Set<string>>();
  let evictions = 0;
  const entries = new LRUCache<string, Held>({
    maxSize: bytesMax,
    sizeCalculation: ({ served }) => served.bytes,
    dispose: ({ served }, key, reason) => {
      forget(key, served);
      if (reason === 'evict') evictions += 1;
    },
  });

  function forget(key: string, { source: { promptId } }: Served): void {
    const keys = keysByPrompt.get(promptId);
    keys?.delete(key);
    if (keys?.size === 0) keysByPrompt.delete(promptId);
  }

  return {
    get: (key) => entries.get(key)?.served,
    peek: (key) => entries.peek(key),
    set: (key, held) => {
      // What it replaces is forgotten in here, so the index comes after; what is larger than everything allowed is not held at all.
      entries.set(key, held);
      if (!entries.has(key)) return;
      const { promptId } = held.served.source;
      const keys = keysByPrompt.get(promptId) ?? new Set();
      keysByPrompt.set(promptId, keys.add(key));
    },
    delete: (key) => void entries.delete(key),
    ofPrompt: (workspaceId, promptId) =>
      [...(keysByPrompt.get(promptId) ?? [])].flatMap((key): [string, Held][] => {
        const held = key.startsWith(workspaceId) ? entries.peek(key) : undefined;
        return held === undefined ? [] : [[key, held]];
      }),
    deleteWorkspace: (workspaceId) => {
      for (const key of entries.keys()) if (key.startsWith(workspaceId)) entries.delete(key);
    },
    sizeBytes: () => entries.calculatedSize,
    evictions: () => evictions,
  };
}
