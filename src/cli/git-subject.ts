import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** What a version takes as its message. */
const LENGTH_MAX = 2_000;

export type Subject =
  | { readonly text: string; readonly missing: null }
  | { readonly text: null; readonly missing: string };

/** The subject of the last commit that touched a file, if the file is as it was committed. */
export async function gitSubject(root: string, path: string): Promise<Subject> {
  const [status, subject] = await Promise.all([
    git(root, ['status', '--porcelain', '-z', '--untracked-files=all', '--', path]),
    git(root, ['log', '-1', '--format=%s', '--', path]),
  ]);
  if (status === null) return none('the folder is in no git repository');
  // The last commit tells of something else than what stands in the file.
  if (status !== '') return none('the file has changes that are not committed');
  const text = subject?.replace(/\n$/, '') ?? '';
  return text === ''
    ? none('no commit has touched the file')
    : { text: text.slice(0, LENGTH_MAX), missing: null };
}

/** null: no git, no repository, or no commit yet. */
async function git(root: string, args: readonly string[]): Promise<string | null> {
  try {
    // Names of files are taken as they are: "*" or ":(...)" in one is no pattern.
    const { stdout } = await run('git', ['-C', root, '--literal-pathspecs', ...args], { encoding: 'utf8' });
    return stdout;
  } catch {
    return null;
  }
}

function none(missing: string): Subject {
  return { text: null, missing };
}
