import { readFile, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ownerOf } from '../../src/db/embedded-account.ts';
import { DataDirectoryInUse } from '../../src/db/embedded-errors.ts';
import type { EmbeddedConnection } from '../../src/db/embedded-server.ts';
import {
  ask,
  childrenOf,
  isAlive,
  isLinux,
  isRoot,
  makeDataDirectory,
  parentOf,
  removeTemplate,
  spawnServer,
  start,
  until,
} from './embedded-fixture.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
afterAll(removeTemplate);

const answers = (connection: EmbeddedConnection) =>
  ask(connection, 'select 1').then(
    () => true,
    () => false,
  );

async function startAndWrite(dataDirectory: string) {
  const server = spawnServer(dataDirectory);
  const connection = (await server.next()) as unknown as EmbeddedConnection & { postmaster: number };
  await ask(connection, 'create table kept as select 7 as n');
  return { server, postmaster: connection.postmaster };
}

describe.skipIf(!isLinux)('after kill -9 of the server', () => {
  it('PostgreSQL goes too, and the next start has all that was committed', async () => {
    const dataDirectory = await makeDataDirectory();
    const { server, postmaster } = await startAndWrite(dataDirectory);
    server.child.kill('SIGKILL');
    await until('PostgreSQL has gone', () => !isAlive(postmaster));

    const next = await start({ dataDirectory });
    expect(await ask(next.connection, 'select n from kept')).toEqual([{ n: 7 }]);
  });

  it('a start at the same moment waits for PostgreSQL to go', async () => {
    const dataDirectory = await makeDataDirectory();
    const { server, postmaster } = await startAndWrite(dataDirectory);
    server.child.kill('SIGKILL');
    // Until it is gone it holds its claim, and that is right.
    await server.exited;
    const next = await start({ dataDirectory });
    expect(next.pid).not.toBe(postmaster);
    expect(await ask(next.connection, 'select n from kept')).toEqual([{ n: 7 }]);
  });

  it('an orphan, left when the watchdog was killed as well, is stopped by the next start', async () => {
    const dataDirectory = await makeDataDirectory();
    const { server, postmaster } = await startAndWrite(dataDirectory);
    const shell = await parentOf(postmaster);
    const watchdogs = (await childrenOf(shell)).filter((pid) => pid !== postmaster);
    expect(watchdogs).toHaveLength(1);
    // The one that would stop PostgreSQL goes first, and the one that would start it again before it can notice.
    for (const pid of [...watchdogs, server.pid, shell]) process.kill(pid, 'SIGKILL');
    await server.exited;
    expect(isAlive(postmaster)).toBe(true);

    const log: string[] = [];
    const next = await start({ dataDirectory, log: (message) => log.push(message) });
    expect(log).toContain(`Stopping PostgreSQL process ${postmaster}, whose server is gone.`);
    expect(isAlive(postmaster)).toBe(false);
    expect(await ask(next.connection, 'select n from kept')).toEqual([{ n: 7 }]);
  });

  it.each(['a number that nobody bears', 'a number that another program bears now'])(
    'a postmaster.pid with %s does not block',
    async (kind) => {
      const dataDirectory = await makeDataDirectory();
      const first = await start({ dataDirectory });
      const file = join(dataDirectory, 'postgres', 'postmaster.pid');
      const [, ...rest] = (await readFile(file, 'utf8')).split('\n');
      await first.stop();

      const { uid, gid } = await ownerOf(join(dataDirectory, 'postgres'));
      const other = spawn('sleep', ['600'], { cwd: '/', ...(isRoot ? { uid, gid } : {}) });
      onTestFinished(() => void other.kill('SIGKILL'));
      if (kind === 'a number that nobody bears') {
        other.kill('SIGKILL');
        await new Promise((resolve) => other.once('exit', resolve));
      }
      await writeFile(file, [other.pid, ...rest].join('\n'));
      const next = await start({ dataDirectory });
      expect(await answers(next.connection)).toBe(true);
    },
  );
});

describe.skipIf(!isLinux)('when PostgreSQL dies under a running server', () => {
  it('comes back at the same address with all that was committed, and still holds the directory', async () => {
    const dataDirectory = await makeDataDirectory();
    const exits: (number | null)[] = [];
    const server = await start({ dataDirectory, onUnexpectedExit: (code) => exits.push(code) });
    await ask(server.connection, 'create table kept as select 7 as n');
    const killed = server.pid;
    const everyone = [killed, ...(await childrenOf(killed))];
    expect(everyone.length).toBeGreaterThan(3);
    for (const pid of everyone) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        // Without their postmaster they end by themselves, perhaps a moment before.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }

    await until('PostgreSQL answers again', () => answers(server.connection));
    expect(exits).toEqual([137]);
    expect(await ask(server.connection, 'select n from kept')).toEqual([{ n: 7 }]);
    await until('the new number is known', () => server.pid !== killed);
    await expect(start({ dataDirectory })).rejects.toBeInstanceOf(DataDirectoryInUse);
  });

  it('takes charge again when only its watchdog was killed', async () => {
    const server = await start({ dataDirectory: await makeDataDirectory() });
    const before = server.pid;
    process.kill(await parentOf(before), 'SIGKILL');
    await until('another PostgreSQL runs', () => server.pid !== before);
    expect(isAlive(before)).toBe(false);
    expect(await answers(server.connection)).toBe(true);
  });

  it('takes the lock again when only its session was ended', async () => {
    const dataDirectory = await makeDataDirectory();
    const server = await start({ dataDirectory });
    const holders = `select pid from pg_locks where locktype = 'advisory' and classid = 20550`;
    const [before] = await ask(server.connection, holders);
    await ask(server.connection, `select pg_terminate_backend(${String(before?.pid)})`);
    await until('the lock is held by another session', async () => {
      const [now] = await ask(server.connection, holders);
      return now !== undefined && now.pid !== before?.pid;
    });
    await expect(start({ dataDirectory })).rejects.toMatchObject({ pid: process.pid });
  });

  it('stays down when it was stopped before the restart', async () => {
    const dataDirectory = await makeDataDirectory();
    let fell: () => void = () => undefined;
    const fallen = new Promise<void>((resolve) => (fell = resolve));
    const server = await start({ dataDirectory, onUnexpectedExit: () => fell() });
    process.kill(server.pid, 'SIGKILL');
    await fallen;
    await server.stop();
    expect(await answers(server.connection)).toBe(false);
    const next = await start({ dataDirectory });
    expect(await answers(next.connection)).toBe(true);
  });

  it('is not stopped by the signals that a terminal sends to all', async () => {
    const server = await start({ dataDirectory: await makeDataDirectory() });
    const shell = await parentOf(server.pid);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(shell, signal);
    expect(isAlive(shell)).toBe(true);
    expect(await answers(server.connection)).toBe(true);
  });
});
