import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import {
  DataDirectoryInUse,
  EmbeddedServerFailed,
  WrongPostgresMajor,
} from '../../src/db/embedded-errors.ts';
import { connectToRunningEmbedded } from '../../src/db/embedded-server.ts';
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
  until,
} from './embedded-fixture.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
afterAll(removeTemplate);

const setting = async (server: { connection: Parameters<typeof ask>[0] }, name: string) =>
  (await ask(server.connection, `select current_setting('${name}') as value`))[0]?.value;

describe('a first start', () => {
  it('creates a durable, checksummed UTF-8 database that no network can reach', async () => {
    const server = await start({ dataDirectory: join(await makeRoom(), 'data') });
    const [facts] = await ask(
      server.connection,
      `select pg_encoding_to_char(encoding) as encoding, datlocprovider::text as provider, datlocale as locale,
              current_database()::text as name
       from pg_database where datname = current_database()`,
    );
    expect(facts).toEqual({ encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8', name: 'promptforge' });
    expect(await setting(server, 'data_checksums')).toBe('on');
    expect(await setting(server, 'fsync')).toBe('on');
    expect(await setting(server, 'synchronous_commit')).toBe('on');
    expect(await setting(server, 'listen_addresses')).toBe('');
    expect(await setting(server, 'TimeZone')).toBe('UTC');
    const rules = await ask(server.connection, 'select type, auth_method from pg_hba_file_rules');
    expect(rules).toEqual([{ type: 'local', auth_method: 'trust' }]);
  });

  it('knows letters outside ASCII, in lower() and in trigrams', async () => {
    const server = await start({ dataDirectory: await makeDataDirectory() });
    await ask(server.connection, 'create extension pg_trgm');
    const [row] = await ask(
      server.connection,
      `select lower('ÄÖÉ') as lower, cardinality(show_trgm('Привет')) as trigrams, 'Z' < 'a' as bytewise`,
    );
    expect(row).toEqual({ lower: 'äöé', trigrams: 7, bytewise: true });
  });

  it.skipIf(!isLinux)('keeps the socket in a directory that only the account can enter', async () => {
    const server = await start({ dataDirectory: await makeDataDirectory() });
    const socketDirectory = await stat(server.connection.host);
    const cluster = await stat(join(server.dataDirectory, 'postgres'));
    expect(socketDirectory.mode & 0o777).toBe(0o700);
    expect(socketDirectory.uid).toBe(cluster.uid);
    expect(cluster.uid === 0).toBe(false);
  });

  it('clears away what a start that was cut short left behind', async () => {
    const dataDirectory = join(await makeRoom(), 'data');
    const gone = spawnServer('/dev/null/none');
    await gone.exited;
    await mkdir(join(dataDirectory, `postgres.init-${gone.pid}-abcd`), { recursive: true });
    await start({ dataDirectory });
    expect((await readdir(dataDirectory)).filter((name) => name.includes('.init-'))).toEqual([]);
  });

  it('of two at once lets exactly one win and tells the other who won', async () => {
    const dataDirectory = join(await makeRoom(), 'data');
    const servers = [spawnServer(dataDirectory), spawnServer(dataDirectory)];
    const answers = await Promise.all(servers.map((server) => server.next()));
    const winner = answers.findIndex((answer) => answer.error === undefined);
    expect(answers[1 - winner]).toMatchObject({ error: 'DataDirectoryInUse', pid: servers[winner]?.pid });
    expect((await readdir(dataDirectory)).toSorted()).toEqual(['postgres', 'postgresql.log', 'socket']);
    servers[winner]?.child.stdin?.write('stop\n');
    expect(await servers[winner]?.next()).toEqual({ stopped: true });
  });

  it.skipIf(!isLinux)('that gets no processor any more still keeps others out, and goes on', async () => {
    const dataDirectory = join(await makeRoom(), 'data');
    const first = spawnServer(dataDirectory);
    const file = join(dataDirectory, 'postgres', 'postmaster.pid');
    await until('PostgreSQL is about to answer', () => existsSync(file));
    first.child.kill('SIGSTOP');
    await expect(start({ dataDirectory })).rejects.toMatchObject({
      name: 'DataDirectoryInUse',
      pid: first.pid,
    });
    first.child.kill('SIGCONT');
    expect(await first.next()).toMatchObject({ database: 'promptforge' });
  });

  it.skipIf(!isLinux)('after one that was killed in the middle of initdb begins anew', async () => {
    const dataDirectory = join(await makeRoom(), 'data');
    const first = spawnServer(dataDirectory);
    const unfinished = async () =>
      (await readdir(dataDirectory).catch(() => [])).filter((name) => name.includes('.init-'));
    const isWriting = async () =>
      existsSync(join(dataDirectory, (await unfinished())[0] ?? 'none', 'PG_VERSION'));
    await until('initdb is writing', isWriting);
    first.child.kill('SIGKILL');
    await first.exited;
    expect(await unfinished()).toHaveLength(1);
    const server = await start({ dataDirectory });
    expect(await ask(server.connection, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(await unfinished()).toEqual([]);
  });

  it('of two at once within one process lets exactly one win', async () => {
    const dataDirectory = await makeDataDirectory();
    const results = await Promise.allSettled([start({ dataDirectory }), start({ dataDirectory })]);
    const refusals = results.filter((result) => result.status === 'rejected').map((result) => result.reason);
    expect(refusals).toEqual([expect.any(DataDirectoryInUse)]);
    expect(refusals[0]).toMatchObject({ pid: process.pid });
  });
});

describe('a running server', () => {
  it('refuses a second one within two seconds, naming its process', async () => {
    const dataDirectory = await makeDataDirectory();
    const first = spawnServer(dataDirectory);
    await first.next();
    const begun = Date.now();
    const second = start({ dataDirectory });
    await expect(second).rejects.toBeInstanceOf(DataDirectoryInUse);
    await expect(second).rejects.toMatchObject({ pid: first.pid, dataDirectory });
    expect(Date.now() - begun).toBeLessThan(2_000);
  });

  it('is found by its data directory while it runs, and not afterwards', async () => {
    const dataDirectory = await makeDataDirectory();
    expect(await connectToRunningEmbedded(dataDirectory)).toBeNull();
    const server = await start({ dataDirectory });
    const connection = await connectToRunningEmbedded(dataDirectory);
    expect(connection).toEqual(server.connection);
    await server.stop();
    expect(await connectToRunningEmbedded(dataDirectory)).toBeNull();
  });

  it('takes other settings, but none that risk the data or open a door', async () => {
    const settings = { work_mem: '5MB', fsync: 'off', listen_addresses: '*', full_page_writes: 'off' };
    const server = await start({ dataDirectory: await makeDataDirectory(), settings });
    expect(await setting(server, 'work_mem')).toBe('5MB');
    expect(await setting(server, 'fsync')).toBe('on');
    expect(await setting(server, 'full_page_writes')).toBe('on');
    expect(await setting(server, 'listen_addresses')).toBe('');
  });

  it('is not disturbed by the PostgreSQL variables of its caller', async () => {
    const dataDirectory = await makeDataDirectory();
    const hostile = {
      PGOPTIONS: '-c no.such=1 -c nonsense=1',
      PGSSLMODE: 'require',
      PGDATA: '/nowhere',
      PGPORT: '1',
    };
    for (const [name, value] of Object.entries(hostile)) vi.stubEnv(name, value);
    const server = await start({ dataDirectory }).finally(() => vi.unstubAllEnvs());
    expect(await setting(server, 'port')).toBe('5432');
  });

  it.skipIf(!isLinux)(
    'finds a short directory for its socket when the path of its data is long',
    async () => {
      const dataDirectory = join(await makeRoom(), 'long'.repeat(12), 'long'.repeat(12), 'data');
      const server = await start({ dataDirectory });
      expect(server.dataDirectory).toBe(dataDirectory);
      expect(Buffer.byteLength(server.connection.host)).toBeLessThan(93);
      expect(await connectToRunningEmbedded(dataDirectory)).toEqual(server.connection);
      await server.stop();
      await expect(stat(server.connection.host)).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );
});

describe('stop', () => {
  it('ends PostgreSQL, removes the socket, and may be called again', async () => {
    const server = await start({ dataDirectory: await makeDataDirectory() });
    const { pid } = server;
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(isAlive(pid)).toBe(false);
    await expect(stat(server.connection.host)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('leaves nothing that keeps Node alive, and keeps the data', async () => {
    const dataDirectory = await makeDataDirectory();
    const first = spawnServer(dataDirectory);
    await first.next();
    const connection = await connectToRunningEmbedded(dataDirectory);
    if (!connection) throw new Error('the server is not found');
    await ask(connection, 'create table kept as select 7 as n');
    first.child.stdin?.write('stop\n');
    expect(await first.next()).toEqual({ stopped: true });
    expect(await first.exited).toEqual([0, null]);

    const second = await start({ dataDirectory });
    expect(await ask(second.connection, 'select n from kept')).toEqual([{ n: 7 }]);
  });
});

describe('a start that cannot succeed', () => {
  it('refuses data of another major version, says what to do, and changes nothing', async () => {
    const dataDirectory = await makeDataDirectory();
    await writeFile(join(dataDirectory, 'postgres', 'PG_VERSION'), '17\n');
    const refused = start({ dataDirectory });
    await expect(refused).rejects.toBeInstanceOf(WrongPostgresMajor);
    await expect(refused).rejects.toMatchObject({ found: '17', expected: '18' });
    await expect(refused).rejects.toThrow(/promptforge backup.*DATABASE_URL/s);
    expect(await readdir(dataDirectory)).toEqual(['postgres']);
  });

  it("carries PostgreSQL's last words", async () => {
    const refused = start({
      dataDirectory: await makeDataDirectory(),
      settings: { shared_buffers: 'plenty' },
    });
    await expect(refused).rejects.toBeInstanceOf(EmbeddedServerFailed);
    await expect(refused).rejects.toMatchObject({
      detail: expect.stringContaining('"shared_buffers": "plenty"'),
    });
  });

  it('fails when PostgreSQL is up and refuses us, rather than wait for ever', async () => {
    const dataDirectory = await makeDataDirectory();
    const first = await start({ dataDirectory });
    await ask(first.connection, 'alter role promptforge nologin');
    await first.stop();
    await expect(start({ dataDirectory })).rejects.toMatchObject({
      name: 'EmbeddedServerFailed',
      detail: expect.stringContaining('not permitted to log in'),
    });
    expect(existsSync(join(dataDirectory, 'postgres', 'postmaster.pid'))).toBe(false);
  });

  it('does not take a directory that is no database for one', async () => {
    const dataDirectory = join(await makeRoom(), 'data');
    await mkdir(join(dataDirectory, 'postgres', 'photographs'), { recursive: true });
    await expect(start({ dataDirectory })).rejects.toThrow(/no database; move it away/);
    expect(await readdir(join(dataDirectory, 'postgres'))).toEqual(['photographs']);
  });
});

describe.skipIf(!isRoot)('without root', () => {
  it('runs as the account itself', async () => {
    const room = await makeRoom();
    await chown(room, 65534, 65534);
    const server = spawnServer(join(room, 'data'), { uid: 65534, gid: 65534 });
    const answer = await server.next();
    expect(answer).toMatchObject({ database: 'promptforge' });
    expect((await stat(`/proc/${String(answer.postmaster)}`)).uid).toBe(65534);
    server.child.stdin?.write('stop\n');
    expect(await server.next()).toEqual({ stopped: true });
  });
});
