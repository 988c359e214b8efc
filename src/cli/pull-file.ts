import type { FileReport } from './folder-report.ts';
import { versionContent } from './folder-server.ts';
import type { ServedVersion } from './folder-server.ts';
import type { Request } from './graphql-client.ts';
import { conflictMarker } from './merge3.ts';
import { counted } from './output.ts';
import { parsePromptFile, promptFileText, rebasedFileText, revisedFileText } from './prompt-file.ts';
import type { PromptFile } from './prompt-file.ts';
import {
  FileFault,
  pathOf,
  readPromptFile,
  removePromptFile,
  slugFault,
  writePromptFile,
} from './prompt-folder.ts';
import type { LocalFile } from './prompt-folder.ts';
import { pullStep } from './pull-plan.ts';
import { conflictDiffs, merged, threeWays } from './three-ways.ts';

export interface Pulling {
  readonly root: string;
  readonly request: Request;
  readonly merge: boolean;
  readonly prune: boolean;
}

/** Brings one file up to date, unless it was edited. @throws FileFault, CliError */
export async function pullFile(
  pulling: Pulling,
  local: LocalFile | undefined,
  served: ServedVersion | undefined,
): Promise<FileReport> {
  if (local === undefined) {
    if (served === undefined) throw new Error('neither a file nor a prompt');
    return writeNew(pulling, served);
  }
  if (served === undefined) return leftOver(pulling, local);
  const { path } = local;
  switch (pullStep(local, served)) {
    case 'unchanged':
      return { what: 'unchanged', path, detail: '' };
    case 'rebase':
      return rebase(pulling, local, served);
    case 'update':
      return update(pulling, local, served);
    case 'conflict':
      return conflict(pulling, local, served);
    default:
      return edited(local, served);
  }
}

async function writeNew({ root, request }: Pulling, served: ServedVersion): Promise<FileReport> {
  const { slug, version, metadata } = served;
  const path = pathOf(slug);
  const fault = slugFault(slug);
  if (fault !== null) throw new FileFault(`is not written: ${fault}`);
  const text = promptFileText(await contentOf(request, served), baseOf(served), metadata);
  await writePromptFile(root, path, { text: checked(text, served), digest: null });
  return { what: 'new', path, detail: `version ${version}` };
}

async function update(pulling: Pulling, local: LocalFile, served: ServedVersion): Promise<FileReport> {
  const { path, base } = local;
  const content = await contentOf(pulling.request, served);
  const { text } = await current(pulling, local);
  const revised = revisedFileText(text, content, baseOf(served), served.metadata);
  await writePromptFile(pulling.root, path, { text: checked(revised, served), digest: local.digest });
  return { what: 'updated', path, detail: `version ${base?.version ?? '?'} -> ${served.version}` };
}

async function rebase(pulling: Pulling, local: LocalFile, served: ServedVersion): Promise<FileReport> {
  const { path, digest } = local;
  const { text } = await current(pulling, local);
  const rebased = rebasedFileText(text, baseOf(served), served.metadata);
  await writePromptFile(pulling.root, path, { text: rebased, digest });
  if (local.contentHash !== served.contentHash) return edited(local, served);
  return {
    what: 'updated',
    path,
    detail: `version ${served.version}: the same text, other settings of the file`,
  };
}

async function conflict(pulling: Pulling, local: LocalFile, served: ServedVersion): Promise<FileReport> {
  const line = conflictMarker((await current(pulling, local)).text);
  if (line !== null) {
    const detail = `line ${line}: both sides of an earlier merge stand in the file, between markers: mend it first`;
    return { what: 'conflict', path: local.path, detail };
  }
  const { path, base, digest } = local;
  const from = base === null ? 'was made from no version' : `was made from version ${base.version}`;
  const ways = await threeWays(pulling.request, { text: (await current(pulling, local)).text, base }, served);
  if (ways === null) throw unreadable(served);
  const merge = pulling.merge ? merged(ways) : null;
  if (merge === null) {
    const advice =
      base === null || pulling.merge
        ? "take the file away and pull again for the server's"
        : 'see pull --merge';
    const detail = `${from} and edited, and the server has version ${served.version}: nothing is written (${advice})`;
    return { what: 'conflict', path, detail, diffs: conflictDiffs(ways) };
  }
  await writePromptFile(pulling.root, path, { text: merge.text, digest });
  if (merge.conflicts === 0 && parsePromptFile(merge.text).fault === null) {
    return {
      what: 'merged',
      path,
      detail: `version ${served.version} and the edits here: look at it, then push`,
    };
  }
  const detail = `version ${served.version} is written into the file, between markers at ${counted(merge.conflicts, 'place')}: mend that, then push`;
  return { what: 'conflict', path, detail };
}

async function leftOver({ root, prune }: Pulling, local: LocalFile): Promise<FileReport> {
  const { path, base } = local;
  if (base === null)
    return { what: 'local', path, detail: 'a prompt that the server does not have: push creates it' };
  const isEdited = local.contentHash !== base.contentHash;
  if (!prune || isEdited) {
    const rest = prune ? ', and the file was edited: it stays' : ': --prune would remove the file';
    return { what: 'gone', path, detail: `the channel serves no such prompt${rest}` };
  }
  await removePromptFile(root, local);
  return { what: 'removed', path, detail: 'the channel serves no such prompt' };
}

function edited({ path }: LocalFile, { version }: ServedVersion): FileReport {
  return { what: 'edited', path, detail: `since version ${version}: push saves it` };
}

/** The file as it was looked at. @throws FileFault when it is another one now */
async function current(
  { root }: Pulling,
  { path, digest }: LocalFile,
): Promise<{ readonly file: PromptFile; readonly text: string }> {
  const read = await readPromptFile(root, path);
  if (read.digest !== digest) throw new FileFault('was changed meanwhile');
  return read;
}

async function contentOf(request: Pulling['request'], served: ServedVersion) {
  const content = await versionContent(request, served.slug, served.version);
  if (content === null) throw unreadable(served);
  return content;
}

function unreadable({ version }: ServedVersion): FileFault {
  return new FileFault(
    `version ${version} cannot be read: the key needs the scope registry:read for this prompt`,
  );
}

/** A file that reads back as something else would be pushed as an edit that nobody made. */
function checked(text: string, { contentHash }: ServedVersion): string {
  if (parsePromptFile(text).file?.contentHash === contentHash) return text;
  throw new FileFault('cannot be written so that it reads back the same: please report this prompt');
}

function baseOf({ version, contentHash }: ServedVersion) {
  return { version, contentHash };
}
