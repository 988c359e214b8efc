import { storedContent } from '../domain/version.ts';
import type { StoredContent } from '../domain/version.ts';
import { diffVersions } from '../domain/version-diff.ts';
import type { VersionDiff } from '../domain/version-diff.ts';

/** What a diff is made of. */
export const VERSION_CONTENT = {
  number: true,
  template: true,
  messages: true,
  config: true,
  variables: true,
} as const;

type Stored = StoredContent & { readonly number: number };

export function diffBetween(before: Stored, after: Stored): VersionDiff {
  return diffVersions(numbered(before), numbered(after));
}

/** Null where there is nothing to compare with. */
export function diffFrom(before: Stored | null, after: Stored): VersionDiff | null {
  return before === null ? null : diffBetween(before, after);
}

function numbered(version: Stored) {
  return { ...storedContent(version), number: version.number };
}
