import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';

const LINES_MAX = 40;
const CONTEXT_LINES = 2;
/** Texts that share next to nothing would take long to compare, for a diff that nobody reads. */
const TIMEOUT_MS = 1_000;

/** A unified diff of two files; its first lines, when it is long. */
export function fileDiff(
  titles: { readonly before: string; readonly after: string },
  before: string,
  after: string,
): string {
  const patch = createTwoFilesPatch(titles.before, titles.after, before, after, '', '', {
    context: CONTEXT_LINES,
    timeout: TIMEOUT_MS,
    headerOptions: FILE_HEADERS_ONLY,
  });
  const head = `--- ${titles.before}\n+++ ${titles.after}\n`;
  if (patch === undefined) return `${head}(too different to be shown)\n`;
  const lines = patch.split('\n');
  if (lines.length <= LINES_MAX) return patch.endsWith('\n') ? patch : `${patch}\n`;
  return `${lines.slice(0, LINES_MAX).join('\n')}\n(${lines.length - LINES_MAX} more lines)\n`;
}
