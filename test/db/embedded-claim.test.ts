import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { findEmbeddedBinaries } from '../../src/db/embedded-binaries.ts';
import type { Claim } from '../../src/db/embedded-claim.ts';
import { claimDataDirectory, claimPipe, findClaimHolder } from '../../src/db/embedded-claim.ts';
import { DataDirectoryInUse } from '../../src/db/embedded-errors.ts';
import { endPredecessor } from '../../src/db/embedded-predecessor.ts';
import {
  ask,
  isAlive,
  isLinux,
  isRoot,
  makeDataDirectory,
  makeRoom,
  removeTemplate,
  spawnServer,
  start,
} from './embedded-fixture.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
afterAll(removeTemplate);

async function makeSocketDirectory(): Promise<string> {
  const host = join(await makeRoom(), 'socket');
  await mkdir(host, { mode: 0o700 });
  return host;
}

const claimIn = (host: string) =>
  claimDataDirectory({ dataDirectory: host, endpoint: { host, port: 5432 }, account: null });

/** Many at once; answers the claim of the one that got it. */
async function contend(host: string): Promise<Claim> {
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => claimIn(host)));
  const claims = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  expect(refusals).toEqual(Array(19).fill(expect.any(DataDirectoryInUse)));
  const [claim] = claims;
  if (!claim) throw new Error('nobody got the claim');
  return claim;
}

/** Holds the claim in a process of its own. */
async function spawnHolder(host: string) {
  const claimUrl = new URL('../../src/db/embedded-claim.ts', import.meta.url).href;
  const program = `
    import { claimDataDirectory } from ${JSON.stringify(claimUrl)};
    const host = ${JSON.stringify(host)};
    await claimDataDirectory({ dataDirectory: host, endpoint: { host, port: 5432 }, account: null });
    console.log('held');
    setInterval(() => undefined, 60_000);
  `;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

describe.skipIf(process.platform === 'win32')('the claim on a data directory', () => {
  it('is given to one of many that ask at once, and again when that has released it', async () => {
    const host = await makeSocketDirectory();
    for (let round = 0; round < 5; round += 1) {
      const claim = await contend(host);
      expect(await readdir(join(host, 'claim'))).toEqual([claim.name]);
      await expect(claimIn(host)).rejects.toMatchObject({ pid: process.pid });
      await claim.release();
    }
    expect(await readdir(host)).toEqual([]);
  });

  it('is held by a process that is stopped, and free when that is killed, for one of many', async () => {
    const host = await makeSocketDirectory();
    const holder = await spawnHolder(host);
    holder.kill('SIGSTOP');
    await expect(claimIn(host)).rejects.toMatchObject({ name: 'DataDirectoryInUse', pid: holder.pid });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(await readdir(join(host, 'claim'))).toHaveLength(1);
    expect(await findClaimHolder(host)).toBeNull();

    const second = await spawnHolder(host);
    second.kill('SIGKILL');
    await once(second, 'exit');
    const claim = await contend(host);
    expect(await readdir(join(host, 'claim'))).toEqual([claim.name]);
    await claim.release();
  });

  it('clears away what was prepared by a start that was killed, and touches nothing else', async () => {
    const host = await makeSocketDirectory();
    for (const name of ['claim-0a1b2c', 'claim-0a1b2d', 'claims']) await mkdir(join(host, name));
    await writeFile(join(host, 'claim-0a1b2c', '99-0a1b2c'), '');
    await writeFile(join(host, 'claim-0a1b2d', 'notes.txt'), '');
    const claim = await claimIn(host);
    expect((await readdir(host)).toSorted()).toEqual(['claim', 'claim-0a1b2d', 'claims']);
    await claim.release();
  });

  it('is refused, not forced, where something else lies in its place', async () => {
    const host = await makeSocketDirectory();
    await mkdir(join(host, 'claim', 'photographs'), { recursive: true });
    await expect(claimIn(host)).rejects.toMatchObject({
      name: 'EmbeddedServerFailed',
      message: expect.stringContaining(join(host, 'claim')),
    });
    expect(await readdir(host)).toEqual(['claim']);
  });

  it('makes the directory anew that a server that stopped has removed', async () => {
    const host = join(await makeRoom(), 'socket');
    const claim = await claimIn(host);
    expect(await readdir(join(host, 'claim'))).toEqual([claim.name]);
    await claim.release();
  });

  it('by a name that is bound once is refused to a second, with the process of the first', async () => {
    const path = join(await makeRoom(), 'pipe');
    const claim = await claimPipe(path, '/data');
    await expect(claimPipe(path, '/data')).rejects.toMatchObject({
      name: 'DataDirectoryInUse',
      pid: process.pid,
      dataDirectory: '/data',
    });
    await claim.release();
    const next = await claimPipe(path, '/data');
    await next.release();
  });
});

describe.skipIf(!isLinux)('the PostgreSQL of a living server is not stopped', () => {
  it('by a start that keeps its own socket, and so its claim, elsewhere', async () => {
    const dataDirectory = join(await makeRoom(), 'long'.repeat(12), 'long'.repeat(12), 'data');
    const first = spawnServer(dataDirectory);
    const running = await first.next();
    const elsewhere = await makeRoom();
    await chmod(elsewhere, 0o777);
    vi.stubEnv('TMPDIR', elsewhere);
    const second = start({ dataDirectory }).finally(() => vi.unstubAllEnvs());
    await expect(second).rejects.toMatchObject({ name: 'DataDirectoryInUse', pid: first.pid });
    expect(isAlive(Number(running.postmaster))).toBe(true);
    expect(await readdir(elsewhere)).toEqual([]);
    first.child.stdin?.write('stop\n');
    expect(await first.next()).toEqual({ stopped: true });
  });

  it('when the files of its claim were removed under it', async () => {
    const dataDirectory = await makeDataDirectory();
    const server = await start({ dataDirectory });
    const { host } = server.connection;
    await rm(join(host, 'claim'), { recursive: true });
    const claim = await claimIn(host);
    onTestFinished(() => claim.release());
    const account = isRoot ? { name: 'nobody', uid: 65_534, gid: 65_534 } : null;
    const binaries = await findEmbeddedBinaries({ account, dataDirectory });
    const { signal } = new AbortController();
    const ended = endPredecessor({ dataDirectory, claim, binaries, signal, log: () => undefined }, 300);
    await expect(ended).rejects.toMatchObject({ name: 'DataDirectoryInUse', pid: process.pid });
    expect(await ask(server.connection, 'select 1 as n')).toEqual([{ n: 1 }]);
  });
});
