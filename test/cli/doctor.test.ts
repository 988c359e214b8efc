import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { parseConnection } from '../../src/cli/connection.ts';
import { diagnoseServer } from '../../src/cli/doctor-server.ts';
import type { Finding } from '../../src/cli/doctor-server.ts';
import { packageVersion } from '../../src/cli/package-version.ts';
import { diagnoseDatabase } from '../../src/server/diagnose-database.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { temporaryDirectory } from '../support/process.ts';
import { MIGRATIONS_DIRECTORY, startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { runCli } from './run-cli.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const statesOf = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.map(({ check, state }) => [check, state]));
const find = (findings: readonly Finding[], check: string) =>
  findings.find((finding) => finding.check === check);

function lookAt(url: string, migrationUrl: string | null = null): Promise<Finding[]> {
  const opened = {
    address: { connectionString: url },
    ownerAddress: migrationUrl === null ? null : { connectionString: migrationUrl },
    dataDirectory: null,
    stop: async () => undefined,
  };
  return diagnoseDatabase(opened, MIGRATIONS_DIRECTORY, pino({ level: 'silent' }));
}

const lookAtServer = (url: string, apiKey?: string) =>
  diagnoseServer(
    parseConnection({ url, ...(apiKey === undefined ? {} : { apiKey }) }),
    packageVersion(),
    true,
  );

async function emptyDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase({ empty: true });
  onTestFinished(() => database.drop());
  return database;
}

async function listening(listener: RequestListener): Promise<string> {
  const foreign = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => void foreign.close());
  await once(foreign, 'listening');
  return `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
}

describe('promptforge doctor', () => {
  it('finds nothing wrong with an installation that works, ends with 0 and shows no secret', async () => {
    const url = new URL(server.database.url);
    url.password = 'a-password-of-the-test';
    const env = {
      DATABASE_URL: url.href,
      PROMPTFORGE_URL: server.url,
      PROMPTFORGE_API_KEY: server.adminKey,
    };
    const { code, stdout, stderr } = await runCli(['--json', 'doctor'], env);
    expect([code, stderr]).toEqual([0, '']);
    const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
    expect(ok).toBe(true);
    expect(findings.filter(({ state }) => state !== 'OK')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      'Node',
      'configuration',
      'postgresql',
      'migrations',
      'role',
      'listen',
      'clock of the database',
      'server',
      'clock of the server',
      'API key',
      'version of the server',
    ]);
    expect(find(findings, 'configuration')?.says).toContain(`:***@localhost/${server.database.name}`);
    expect(find(findings, 'API key')?.says).toContain('ADMIN of the workspace default');
    for (const secret of [url.password, server.adminKey]) expect(stdout).not.toContain(secret);
  });

  it('finds nothing wrong with a key whose owner a node does not tell, because it trusts other documents', async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    const manifest = join(directory.path, 'manifest.json');
    await writeFile(manifest, '{"one": "{ __typename }"}');
    const { database } = server;
    const config = { adminKey: 'the-admin-key-of-the-doctor', trustedDocuments: manifest };
    const node = await startTestServer({ database, config });
    onTestFinished(() => node.close());
    const [known, unknown] = [
      await lookAtServer(node.url, node.adminKey),
      await lookAtServer(node.url, 'no'),
    ];
    expect(find(known, 'API key')).toMatchObject({ state: 'OK', says: expect.stringContaining('knows it') });
    expect(find(unknown, 'API key')).toMatchObject({ state: 'FAULT' });
  });

  it('says every fault of the configuration, what to do about a server that is not there, and ends with 1', async () => {
    const { code, stdout, stderr } = await runCli(['doctor', '--url', 'http://127.0.0.1:65501'], {
      PORT: 'x',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://a:a-password-of-the-test@b/c',
    });
    expect([code, stderr]).toEqual([1, '']);
    for (const variable of ['PORT', 'LOG_LEVEL', 'DATABASE_URL'])
      expect(stdout).toMatch(new RegExp(`^FAULT    configuration: ${variable} must be `, 'm'));
    expect(stdout).toMatch(/^- {8}database: the configuration must be right first$/m);
    expect(stdout).toMatch(/^FAULT {4}server: http:\/\/127.0.0.1:65501 .*is the server running/m);
    expect(stdout).not.toContain('a-password-of-the-test');
  });

  it.each([
    ['that is missing', null, 'must be the path of a JSON file: ENOENT'],
    [
      'whose document the graph refuses',
      '{"one":"{ nope }"}',
      'the document "one" of .* is refused: Cannot query',
    ],
  ])('says a manifest of trusted documents %s', async (_, content, says) => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    const path = join(directory.path, 'manifest.json');
    if (content !== null) await writeFile(path, content);
    const { code, stdout } = await runCli(['doctor'], {
      DATABASE_URL: server.database.url,
      PROMPTFORGE_TRUSTED_DOCUMENTS: path,
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`^FAULT {4}configuration: PROMPTFORGE_TRUSTED_DOCUMENTS:? ${says}`, 'm'),
    );
  });
});

describe('of a database the doctor says', () => {
  it('that it cannot be reached, at once', async () => {
    const findings = await lookAt('postgresql://nobody@127.0.0.1:1/nothing');
    expect(findings).toEqual([
      {
        check: 'connection',
        state: 'FAULT',
        says: expect.stringContaining('ECONNREFUSED'),
        advice: expect.stringContaining('is PostgreSQL running'),
      },
    ]);
  });

  it('which migrations are pending, and that nothing was changed by the look', async () => {
    const database = await emptyDatabase();
    const migrations = find(await lookAt(database.url), 'migrations');
    expect(migrations).toMatchObject({
      state: 'WARNING',
      advice: expect.stringContaining('promptforge migrate'),
    });
    expect(migrations?.says).toMatch(/^0 applied, \d+ pending: 20261123000000_registry, /);
    const [tables] = await database.query(
      `SELECT count(*)::int AS count FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
    );
    expect(tables).toEqual({ count: 0 });
  });

  it('that it is newer than the command', async () => {
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    await database.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name) VALUES ('x', 'x', now(), '20991231000000_new')`,
    );
    expect(find(await lookAt(database.url), 'migrations')).toMatchObject({
      state: 'FAULT',
      says: expect.stringContaining('the database is newer than the code'),
    });
  });

  it('whose rights are too few, or too many', async () => {
    const database = await createTestDatabase();
    const owner = `doctor_${randomBytes(6).toString('hex')}`;
    await database.query(`CREATE ROLE ${owner} LOGIN`);
    const as = (login: string) => Object.assign(new URL(database.url), { username: login }).href;
    onTestFinished(async () => {
      await database.query(`ALTER DATABASE ${database.name} OWNER TO ${inject('postgres').user}`);
      await database.query(`DROP OWNED BY ${owner} CASCADE`);
      await database.query(`DROP ROLE ${owner}`);
      await database.drop();
    });
    expect(find(await lookAt(as(owner)), 'role')).toMatchObject({
      state: 'FAULT',
      says: `${owner} may not create tables in this schema, which migrations need`,
    });
    await database.query(`ALTER DATABASE ${database.name} OWNER TO ${owner}`);
    const role = find(await lookAt(as(owner)), 'role');
    expect(role).toMatchObject({ state: 'WARNING', says: expect.stringContaining('does not exist') });
    // The advice is what an administrator runs.
    const sql = /once: (.*;.*) \(docs/.exec(role?.advice ?? '')?.[1] ?? '';
    await database.query(sql);
    expect(find(await lookAt(as(owner)), 'role')).toMatchObject({ state: 'OK' });
    expect(find(await lookAt(as(owner), database.url), 'role')).toMatchObject({
      state: 'OK',
      says: expect.stringContaining(`the server works as ${owner}`),
    });
  });
});

describe('of a server the doctor says', () => {
  it('that the key is wrong, or ends soon', async () => {
    expect(find(await lookAtServer(server.url, `pf_live_${'x'.repeat(43)}`), 'API key')).toMatchObject({
      state: 'FAULT',
      says: expect.stringContaining('does not know this API key'),
    });
    const { key } = await server.app.createApiKey(await server.systemOf('default'), {
      name: 'short',
      role: 'VIEWER',
      secret: randomBytes(32),
      expiresAt: new Date(Date.now() + 3.5 * 86_400_000),
    });
    expect(find(await lookAtServer(server.url, key), 'API key')).toMatchObject({
      state: 'WARNING',
      says: expect.stringMatching(/^VIEWER .*, in 3 days$/),
    });
    expect(statesOf(await lookAtServer(server.url))).toMatchObject({
      server: 'OK',
      'API key': 'SKIPPED',
      'version of the server': 'SKIPPED',
    });
  });

  it('that it is another version, degraded, and of another time', async () => {
    const url = await listening((request, response) => {
      response.setHeader('date', new Date(Date.now() - 60_000).toUTCString());
      if (request.url === '/metrics') response.end('promptforge_build_info{version="0.0.9"} 1\n');
      else if (request.url === '/readyz')
        response.end(
          JSON.stringify({ ready: true, degraded: true, reasons: ['the database does not answer'] }),
        );
      else response.writeHead(401).end('{}');
    });
    const findings = await lookAtServer(url, 'pf_live_x');
    expect(find(findings, 'server')).toMatchObject({
      state: 'WARNING',
      says: `${url} is ready, but the database does not answer`,
    });
    expect(find(findings, 'clock of the server')).toMatchObject({
      state: 'WARNING',
      says: expect.stringMatching(/^(59|60|61) s behind this machine's$/),
    });
    expect(find(findings, 'version of the server')).toMatchObject({
      state: 'WARNING',
      says: `the server is 0.0.9, this command ${packageVersion()}`,
    });
  });

  it('that it is something else', async () => {
    const url = await listening((_request, response) => void response.writeHead(404).end('<html>'));
    expect(await lookAtServer(url)).toMatchObject([
      { state: 'FAULT', says: expect.stringContaining('is no PromptForge server: /readyz answers HTTP 404') },
    ]);
  });
});
