import { LRUCache } from 'lru-cache';
import { selectorText } from './held-versions.ts';
import type { Place } from './held-versions.ts';

const SLUGS_MAX = 10_000;
const BYTES_MAX = 8 * 1024 * 1024;
/** Whoever asks for more of one slug than a workspace has channels is not helped by memory. */
const SELECTORS_MAX = 64;
const SLUG_BYTES = 400;
const SELECTOR_BYTES = 150;

/** What is known not to be served: memory of its own, so that nobody who asks for what is not there pushes out what is. */
export interface Absences {
  has(place: Place): boolean;
  add(place: Place): void;
  /** Whatever is known of these slugs is no longer. A new channel serves nothing, so that it changes nothing here. */
  dropSlugs(workspaceId: string, slugs: Iterable<string>): void;
  deleteWorkspace(workspaceId: string): void;
  sizeBytes(): number;
}

export function createAbsences(): Absences {
  const bySlug = new LRUCache<string, Set<string>>({
    max: SLUGS_MAX,
    maxSize: BYTES_MAX,
    sizeCalculation: ({ size }, key) => SLUG_BYTES + key.length + size * SELECTOR_BYTES,
  });

  return {
    has: ({ workspaceId, slug, selector }) =>
      bySlug.get(slugKey(workspaceId, slug))?.has(selectorText(selector)) === true,
    add: ({ workspaceId, slug, selector }) => {
      const key = slugKey(workspaceId, slug);
      const selectors = bySlug.peek(key) ?? new Set();
      if (selectors.size >= SELECTORS_MAX) return;
      // A set of its own: what is held is counted when it is put in.
      bySlug.set(key, new Set(selectors).add(selectorText(selector)));
    },
    dropSlugs: (workspaceId, slugs) => {
      if (bySlug.size === 0) return;
      for (const slug of slugs) bySlug.delete(slugKey(workspaceId, slug));
    },
    deleteWorkspace: (workspaceId) => {
      for (const key of bySlug.keys()) if (key.startsWith(workspaceId)) bySlug.delete(key);
    },
    sizeBytes: () => bySlug.calculatedSize,
  };
}

function slugKey(workspaceId: string, slug: string): string {
  return `${workspaceId}\n${slug}`;
}
