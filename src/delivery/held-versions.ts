import { LRUCache } from 'lru-cache';
import { sizeOf } from './representation.ts';
import type { Served } from './representation.ts';

/** A channel's name or a version's number. */
export type Selector = { readonly channel: string } | { readonly number: number };

/** Where a served version is held. */
export interface Place {
  readonly workspaceId: string;
  readonly slug: string;
  readonly selector: Selector;
}

/** Served versions in memory, bounded by bytes: those that were asked for least recently go first. */
export interface HeldVersions {
  get(key: string): Served | undefined;
  /** As get, but does not count as having been asked for. */
  peek(key: string): Served | undefined;
  set(key: string, served: Served): void;
  delete(key: string): void;
  /** All that is held of a prompt. Costs what it finds, not what there is. */
  ofPrompt(workspaceId: string, promptId: string): [key: string, served: Served][];
  deleteWorkspace(workspaceId: string): void;
  sizeBytes(): number;
}

const SEPARATOR = '\n';

export function keyOf({ workspaceId, slug, selector }: Place): string {
  const version = 'channel' in selector ? selector.channel : String(selector.number);
  return [workspaceId, version, slug].join(SEPARATOR);
}

export function createHeldVersions(bytesMax: number): HeldVersions {
  const keysByPrompt = new Map<string, Set<string>>();
  const entries = new LRUCache<string, Served>({
    maxSize: bytesMax,
    sizeCalculation: sizeOf,
    dispose: (served, key) => forget(key, served),
  });

  function forget(key: string, { source: { promptId } }: Served): void {
    const keys = keysByPrompt.get(promptId);
    keys?.delete(key);
    if (keys?.size === 0) keysByPrompt.delete(promptId);
  }

  return {
    get: (key) => entries.get(key),
    peek: (key) => entries.peek(key),
    set: (key, served) => {
      // What it replaces is forgotten in here, so the index comes after; what is larger than everything allowed is not held at all.
      entries.set(key, served);
      if (!entries.has(key)) return;
      const { promptId } = served.source;
      const keys = keysByPrompt.get(promptId) ?? new Set();
      keysByPrompt.set(promptId, keys.add(key));
    },
    delete: (key) => void entries.delete(key),
    ofPrompt: (workspaceId, promptId) =>
      [...(keysByPrompt.get(promptId) ?? [])].flatMap((key): [string, Served][] => {
        const served = key.startsWith(workspaceId) ? entries.peek(key) : undefined;
        return served === undefined ? [] : [[key, served]];
      }),
    deleteWorkspace: (workspaceId) => {
      for (const key of entries.keys()) if (key.startsWith(workspaceId)) entries.delete(key);
    },
    sizeBytes: () => entries.calculatedSize,
  };
}
