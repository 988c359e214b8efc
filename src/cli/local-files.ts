import type { FolderReport } from './folder-report.ts';
import { inOrder } from './in-order.ts';
import { FileFault, findFiles, readLocalFile } from './prompt-folder.ts';
import type { LocalFile } from './prompt-folder.ts';
import { isCovered } from './slug-patterns.ts';
import type { SlugPatterns } from './slug-patterns.ts';

const WIDTH = 4;

export interface LocalFiles {
  readonly files: ReadonlyMap<string, LocalFile>;
  /** Slugs of files that cannot be read: nothing is known of them, so they are left alone. */
  readonly faulty: ReadonlySet<string>;
}

/** Reads every prompt file of the folder that the patterns cover; each that cannot be read is reported. */
export async function localFiles(
  root: string,
  patterns: SlugPatterns,
  report: Pick<FolderReport, 'add'>,
): Promise<LocalFiles> {
  const files = new Map<string, LocalFile>();
  const faulty = new Set<string>();
  const found = await findFiles(root);
  const wanted = found.filter(({ slug }) => slug === null || isCovered(patterns, slug));
  const read = inOrder(wanted, WIDTH, async ({ path, slug, fault }) => {
    if (slug === null || fault !== null) return { path, slug, fault: fault ?? '' };
    return { path, slug, ...(await readOrFault(root, path, slug)) };
  });
  for await (const { path, slug, fault, ...rest } of read) {
    if ('file' in rest && rest.file !== null) files.set(rest.file.slug, rest.file);
    if (fault === null) continue;
    report.add({ what: 'fault', path, detail: fault });
    if (slug !== null) faulty.add(slug);
  }
  return { files, faulty };
}

async function readOrFault(
  root: string,
  path: string,
  slug: string,
): Promise<{ readonly file: LocalFile | null; readonly fault: string | null }> {
  try {
    return { file: await readLocalFile(root, path, slug), fault: null };
  } catch (error) {
    if (error instanceof FileFault) return { file: null, fault: error.message };
    throw error;
  }
}
