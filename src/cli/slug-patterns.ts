import { InvalidArgumentError } from 'commander';
import { isSlug, SLUG_RULE } from '../domain/prompt.ts';

/** Slugs and folders ("support/*"); null: every prompt. */
export type SlugPatterns = readonly string[] | null;

/** For an option that may be given again. @throws InvalidArgumentError */
export function parsePatterns(text: string, before: SlugPatterns = null): SlugPatterns {
  const patterns = text.split(',').map((pattern) => pattern.trim());
  for (const pattern of patterns) {
    if (isSlug(pattern.replace(/\/\*$/, ''))) continue;
    throw new InvalidArgumentError(
      `${JSON.stringify(pattern)} is neither a slug ("support/assistant") nor a folder ("support/*"): a slug is ${SLUG_RULE}.`,
    );
  }
  return [...new Set([...(before ?? []), ...patterns])].toSorted();
}

export function isCovered(patterns: SlugPatterns, slug: string): boolean {
  if (patterns === null) return true;
  return patterns.some(
    (pattern) => pattern === slug || (pattern.endsWith('/*') && slug.startsWith(pattern.slice(0, -1))),
  );
}
