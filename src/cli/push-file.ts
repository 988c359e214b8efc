import { randomUUID } from 'node:crypto';
import { fileDiff } from './file-diff.ts';
import type { FileReport } from './folder-report.ts';
import { versionContent } from './folder-server.ts';
import type { ServedVersion } from './folder-server.ts';
import type { Request } from './graphql-client.ts';
import { conflictMarker } from './merge3.ts';
import { promptFileText, rebasedFileText } from './prompt-file.ts';
import type { Base } from './prompt-file.ts';
import { FileFault, readPromptFile, writePromptFile } from './prompt-folder.ts';
import type { LocalFile } from './prompt-folder.ts';
import { newestVersion, saveFile } from './push-call.ts';
import { conflictDiffs, threeWays } from './three-ways.ts';

export interface Pushing {
  readonly root: string;
  readonly request: Request;
  readonly dryRun: boolean;
}

type Newest = NonNullable<Awaited<ReturnType<typeof newestVersion>>>;
type Read = Awaited<ReturnType<typeof readPromptFile>>;

/** Whether push has anything to do with a file. Nothing is asked of the server for it. */
export function isEdited({ base, contentHash }: LocalFile): boolean {
  return base?.contentHash !== contentHash;
}

/** Saves one edited file and writes into it what it is made from now; a dry run says what would happen. @throws FileFault, CliError */
export async function pushFile(
  pushing: Pushing,
  local: LocalFile,
  message: string | null,
): Promise<FileReport> {
  const { slug, path, base } = local;
  const read = await editedFile(pushing, local);
  const newest = await newestVersion(pushing.request, slug);
  const isBehind = newest !== null && (newest.isArchived || !isSameVersion(base, newest));
  if (isBehind) return behind(pushing, local, read, newest);
  if (newest === null && base !== null) throw noPrompt();
  if (pushing.dryRun) return planned(pushing, local, read, newest);
  const saved = await saveFile(pushing.request, {
    slug,
    file: read.file,
    message,
    idempotencyKey: randomUUID(),
  });
  if (saved === null) return behind(pushing, local, read, await newestVersion(pushing.request, slug));
  await rebase(pushing, local, read, saved);
  return { what: base === null ? 'created' : 'saved', path, detail: `version ${saved.version}` };
}

async function planned(
  { request }: Pushing,
  { slug, path }: LocalFile,
  { text, file }: Read,
  newest: ServedVersion | null,
): Promise<FileReport> {
  if (newest === null) return { what: 'created', path, detail: 'would be version 1 of a new prompt' };
  const { version, contentHash } = newest;
  const before = await versionContent(request, slug, version);
  const titles = { before: `version ${version}`, after: 'this file' };
  const diffs =
    before === null
      ? []
      : [
          fileDiff(
            titles,
            promptFileText(before, { version, contentHash }, file.metadata),
            rebasedFileText(text, { version, contentHash }),
          ),
        ];
  return { what: 'saved', path, detail: `would be version ${version + 1}`, diffs };
}

/** The server has another version than the file was made from: the same text, or a conflict. */
async function behind(
  pushing: Pushing,
  local: LocalFile,
  read: Read,
  newest: Newest | null,
): Promise<FileReport> {
  const { slug, path, base, contentHash } = local;
  if (newest === null) throw noPrompt();
  const { version } = newest;
  if (newest.contentHash === contentHash) {
    if (!pushing.dryRun) await rebase(pushing, local, read, newest);
    return { what: 'known', path, detail: `version ${version} on the server says the same` };
  }
  if (newest.isArchived) throw new FileFault(`is not saved: ${slug} is archived`);
  const ways = await threeWays(pushing.request, { text: read.text, base }, newest);
  const there =
    base?.version === version
      ? `version ${version} on this server is another one`
      : `the server has version ${version}`;
  return {
    what: 'conflict',
    path,
    detail: `${madeFrom(base)}, and ${there}: nothing is saved (see pull --merge)`,
    diffs: ways === null ? [] : conflictDiffs(ways),
  };
}

/** By the hash as well: another server counts its versions as this one does. */
function isSameVersion(base: Base | null, newest: ServedVersion): boolean {
  return base?.version === newest.version && base.contentHash === newest.contentHash;
}

async function editedFile({ root }: Pushing, { path, digest }: LocalFile): Promise<Read> {
  const read = await readPromptFile(root, path);
  if (read.digest !== digest) throw new FileFault('was changed meanwhile');
  const line = conflictMarker(read.text);
  if (line === null) return read;
  throw new FileFault(
    `line ${line}: both sides of a merge stand in the file, between markers: mend it first`,
  );
}

async function rebase(
  { root }: Pushing,
  { path, digest }: LocalFile,
  { text }: Read,
  { version, contentHash }: Base | ServedVersion,
): Promise<void> {
  try {
    await writePromptFile(root, path, { text: rebasedFileText(text, { version, contentHash }), digest });
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    throw new FileFault(
      `is version ${version} on the server, but the file ${error.message}: pull brings it up to date`,
    );
  }
}

function madeFrom(base: Base | null): string {
  return base === null ? 'was made from no version' : `was made from version ${base.version}`;
}

function noPrompt(): FileFault {
  return new FileFault(
    'was made from a version of a prompt that the server does not have: it got another slug, or this is another server. For a new prompt, take "version" and "contentHash" out of the file',
  );
}
