import { fileDiff } from './file-diff.ts';
import { versionContent } from './folder-server.ts';
import type { ServedVersion } from './folder-server.ts';
import type { Request } from './graphql-client.ts';
import { merge3 } from './merge3.ts';
import type { Merge } from './merge3.ts';
import { promptFileText, rebasedFileText } from './prompt-file.ts';
import type { Base } from './prompt-file.ts';
import { contentHash as hashOf } from '../domain/version.ts';

/** A file, what it was made from, and what the server has, all three as files of the server's version: only what was edited differs. */
export interface ThreeWays {
  readonly title: string;
  /** null: the file was made from nothing that this server knows. */
  readonly base: { readonly text: string; readonly title: string } | null;
  readonly ours: string;
  readonly theirs: string;
}

/** null: the server's version cannot be read. */
export async function threeWays(
  request: Request,
  { text, base }: { readonly text: string; readonly base: Base | null },
  served: ServedVersion,
): Promise<ThreeWays | null> {
  const { slug, version, contentHash, metadata } = served;
  const now = { version, contentHash };
  const [theirs, before] = await Promise.all([
    versionContent(request, slug, version),
    base === null ? null : versionContent(request, slug, base.version),
  ]);
  if (theirs === null) return null;
  return {
    title: `version ${version}`,
    base:
      before === null || base === null || hashOf(before) !== base.contentHash
        ? null
        : { text: promptFileText(before, now, metadata), title: `version ${base.version}` },
    ours: rebasedFileText(text, now, metadata),
    theirs: promptFileText(theirs, now, metadata),
  };
}

/** What was edited here, and what there. */
export function conflictDiffs({ title, base, ours, theirs }: ThreeWays): string[] {
  if (base === null) return [fileDiff({ before: title, after: 'this file' }, theirs, ours)];
  return [
    fileDiff({ before: base.title, after: 'this file' }, base.text, ours),
    fileDiff({ before: base.title, after: title }, base.text, theirs),
  ];
}

/** null: without a base nobody can say who changed what. */
export function merged({ title, base, ours, theirs }: ThreeWays): Merge | null {
  if (base === null) return null;
  return merge3(base.text, ours, theirs, { base: base.title, ours: 'this file', theirs: title });
}
