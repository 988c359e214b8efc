import { lchown, stat } from 'node:fs/promises';
import type { Account } from './embedded-command.ts';
import { findText } from './embedded-files.ts';

const preferredNames = ['postgres', '_postgres', 'nobody'];
const lastResort: Account = { name: '65534', uid: 65534, gid: 65534 };

/** Null when we are not root: PostgreSQL then runs as ourselves. As root it refuses to run, so another account is named. */
export async function findAccount(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  return chooseAccount((await findText('/etc/passwd')) ?? '');
}

/** Picks the account out of the text of /etc/passwd. */
export function chooseAccount(passwd: string): Account {
  const accounts = passwd.split('\n').map(parseLine);
  for (const name of preferredNames) {
    const account = accounts.find((candidate) => candidate?.name === name);
    if (account) return account;
  }
  return lastResort;
}

/** The account that owns a path, so that data written under one account is never opened under another. */
export async function ownerOf(path: string): Promise<Account> {
  const { uid, gid } = await stat(path);
  return { name: `uid ${uid}`, uid, gid };
}

export async function giveTo(account: Account | null, path: string): Promise<void> {
  if (account) await lchown(path, account.uid, account.gid);
}

function parseLine(line: string): Account | null {
  const [name, , uid, gid] = line.split(':');
  if (name === undefined || !isNumber(uid) || !isNumber(gid)) return null;
  // macOS writes nobody's id as -2, which the kernel knows as an unsigned number.
  const account = { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
  return account.uid === 0 ? null : account;
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^-?\d+$/.test(text);
}
