import { isDeepStrictEqual } from 'node:util';
import type { ServedVersion } from './folder-server.ts';
import type { LocalFile } from './prompt-folder.ts';

export type PullStep =
  /** There is no file. */
  | 'write'
  /** The file is as its version was, and the channel serves another one. */
  | 'update'
  /** The content need not change: the file names another version than the server, or other metadata. */
  | 'rebase'
  | 'unchanged'
  /** Edited, and the server still has what it was edited from. */
  | 'edited'
  /** Edited here and there. */
  | 'conflict'
  /** A file for a prompt that the server does not have: written by hand, or made from a version of one. */
  | 'local'
  | 'gone';

/** What a pull does with a file: three-way, by the hashes of the base, the file, and the server's version. */
export function pullStep(local: LocalFile | undefined, served: ServedVersion | undefined): PullStep {
  if (local === undefined) return 'write';
  const { base } = local;
  if (served === undefined) return base === null ? 'local' : 'gone';
  const isThere = local.contentHash === served.contentHash;
  if (base === null) return isThere ? 'rebase' : 'conflict';
  const isEdited = local.contentHash !== base.contentHash;
  if (isThere || base.contentHash === served.contentHash) {
    const isCurrent =
      base.version === served.version &&
      base.contentHash === served.contentHash &&
      isDeepStrictEqual(local.metadata, served.metadata);
    if (!isCurrent) return 'rebase';
    return isEdited ? 'edited' : 'unchanged';
  }
  return isEdited ? 'conflict' : 'update';
}
