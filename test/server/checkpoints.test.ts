import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startCheckpoints } from '../../src/server/checkpoints.ts';
import { ConfigInvalid } from '../../src/server/config.ts';
import { openSigning } from '../../src/server/signing.ts';
import { createPrompt } from '../api/registry.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const PEM = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const SIGN = `mutation {
  signCheckpoint {
    __typename
    ... on AuditCheckpoint { seq hash at keyId signature line }
    ... on Error { code message }
  }
}`;
const WORKSPACE = '{ workspace { auditPublicKey auditCheckpoint { seq hash } } }';
const NEVER_AGAIN = 60 * 60 * 1_000;

interface Signed {
  readonly signCheckpoint: { __typename: string; code?: string; seq: number; hash: string; line: string };
}
interface Shown {
  readonly workspace: {
    auditPublicKey: string | null;
    auditCheckpoint: { seq: number; hash: string } | null;
  };
}

async function room(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pf-audit-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start(config: object, everyMs = NEVER_AGAIN): Promise<TestServer> {
  const server = await startTestServer({ config, times: { checkpointEveryMs: everyMs } });
  onTestFinished(() => server.close());
  return server;
}

async function linesOf(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** As docs/audit.md describes it, and not as the server does it. */
function isSigned(line: Record<string, unknown>, publicKey: string): boolean {
  const text = `promptforge audit checkpoint 1\n${['workspaceId', 'seq', 'hash', 'at', 'keyId'].map((name) => `${String(line[name])}\n`).join('')}`;
  return verify(
    null,
    Buffer.from(text),
    createPublicKey(publicKey),
    Buffer.from(String(line['signature']), 'base64'),
  );
}

describe('signed checkpoints', () => {
  it('are signed at the start and again when a log has moved, once a head', async () => {
    const path = join(await room(), 'checkpoints.jsonl');
    const server = await start({ auditSigningKey: PEM, auditCheckpoints: `file:${path}` }, 50);
    await expect.poll(async () => (await linesOf(path)).length).toBeGreaterThan(0);
    await createPrompt(server, 'a/b');
    const heads = await server.database.query<{ seq: string; hash: Buffer }>(
      `SELECT seq, hash FROM "event_counter" WHERE workspace_id = (SELECT id FROM workspace WHERE slug = 'default')`,
    );
    const head = { seq: Number(heads[0]?.seq), hash: heads[0]?.hash.toString('hex') };
    // The operators' log has checkpoints of its own.
    await expect.poll(async () => linesOf(path)).toContainEqual(expect.objectContaining(head));
    const shown = (await server.execute<Shown, object>(WORKSPACE)).data().workspace;
    expect(shown.auditCheckpoint).toEqual(head);
    const lines = await linesOf(path);
    expect(lines.every((line) => isSigned(line, shown.auditPublicKey ?? ''))).toBe(true);
    const forged = { ...lines.at(-1), seq: 1 };
    expect(isSigned(forged, shown.auditPublicKey ?? '')).toBe(false);
    expect(new Set(lines.map(({ seq }) => seq)).size).toBe(lines.length);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('are signed on demand, and the same head once', async () => {
    const path = join(await room(), 'checkpoints.jsonl');
    const server = await start({ auditSigningKey: PEM, auditCheckpoints: `file:${path}` });
    await createPrompt(server, 'a/b');
    const sign = async () => (await server.execute<Signed, object>(SIGN)).data().signCheckpoint;
    const first = await sign();
    expect(first).toMatchObject({ __typename: 'AuditCheckpoint' });
    expect((await sign()).line).toBe(first.line);
    expect(await linesOf(path)).toContainEqual(JSON.parse(first.line));
  });

  it('are for whoever has the scope, where there is a key', async () => {
    const server = await start({});
    const { key } = await server.createKey('RELEASER');
    expect((await server.execute<Signed, object>(SIGN, {}, { key })).data().signCheckpoint.code).toBe(
      'FORBIDDEN',
    );
    expect((await server.execute<Signed, object>(SIGN)).data().signCheckpoint.code).toBe(
      'SIGNING_NOT_CONFIGURED',
    );
    expect((await server.execute<Shown, object>(WORKSPACE)).data().workspace).toEqual({
      auditPublicKey: null,
      auditCheckpoint: null,
    });
  });

  it('that do not reach their place are told, counted, and tried again', async () => {
    let isUp = false;
    const bodies: string[] = [];
    const keeper = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        if (isUp) bodies.push(body);
        res.writeHead(isUp ? 204 : 500).end();
      });
    });
    await new Promise<void>((resolve) => keeper.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void keeper.close());
    const { port } = keeper.address() as AddressInfo;
    const auditCheckpoints = `http://127.0.0.1:${port}/secret-path`;
    const server = await start({ auditSigningKey: PEM, auditCheckpoints });
    const failures = () =>
      server.logged.filter(({ msg }) => msg.includes('did not reach their place outside'));
    await expect.poll(failures, { timeout: 10_000 }).toHaveLength(1);
    expect(JSON.stringify(server.logged)).not.toContain('secret-path');
    expect((await server.get('/readyz')).status).toBe(200);
    expect(await (await server.get('/metrics')).text()).toContain(
      'promptforge_audit_checkpoint_failures_total 1',
    );
    isUp = true;
    const line = (await server.execute<Signed, object>(SIGN)).data().signCheckpoint.line;
    expect(bodies).toEqual([`${line}\n`]);
    await server.database.query(
      `UPDATE "audit_checkpoint" SET at = at - interval '1 hour', published_at = NULL`,
    );
    const second = await startTestServer({
      database: server.database,
      config: { auditSigningKey: PEM, auditCheckpoints, adminKey: 'x'.repeat(24) },
    });
    onTestFinished(() => second.close());
    await expect.poll(() => bodies.length).toBe(2);
  });

  it('raise an alarm when the log does not hold what they say', async () => {
    const server = await start({ auditSigningKey: PEM }, 50);
    const signed = () => server.database.query('SELECT 1 FROM "audit_checkpoint"');
    await expect.poll(async () => (await signed()).length).toBeGreaterThan(0);
    await server.database.query(
      `DO $$ BEGIN
         PERFORM set_config('session_replication_role', 'replica', true);
         UPDATE "event" SET hash = sha256(hash) WHERE workspace_id = (SELECT id FROM workspace WHERE slug = 'default');
       END $$`,
    );
    await expect
      .poll(
        () => server.logged.filter(({ level, msg }) => level === 50 && msg.startsWith('AUDIT ALARM')).length,
      )
      .toBeGreaterThan(0);
    expect(await (await server.get('/metrics')).text()).toContain('promptforge_audit_alarms 1');
  });
});

describe('a round of signing', () => {
  it('reaches every workspace, a page at a time, past one that is gone and one that cannot be signed', async () => {
    const registry = await openRegistry();
    onTestFinished(() => registry.close());
    const { database, opened } = registry;
    for (let made = 0; made < 4; made += 1) await registry.addWorkspace();
    const heads = await database.query<{ id: string }>(
      'SELECT workspace_id AS id FROM event_counter WHERE seq > 0 ORDER BY 1',
    );
    const [gone, poisoned, ...others] = heads.map(({ id }) => id);
    // Deleted between the reading of its head and the keeping of its checkpoint.
    await database.query(`
      DO $$ BEGIN
        PERFORM set_config('session_replication_role', 'replica', true);
        DELETE FROM "workspace" WHERE id = '${gone}';
      END $$;
      CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$;
      CREATE TRIGGER poison BEFORE INSERT ON audit_checkpoint FOR EACH ROW WHEN (NEW.workspace_id = '${poisoned}') EXECUTE FUNCTION poison()`);
    const counted = { signed: 0, failed: 0 };
    const lines: string[] = [];
    const sent: string[] = [];
    const signing = await openSigning({ auditSigningKey: PEM, auditCheckpoints: null }, null);
    if (signing === null) throw new Error('no key');
    const rounds = startCheckpoints({
      database: opened,
      signer: signing.signer,
      sink: { name: 'list', write: async (more) => void sent.push(...more) },
      everyMs: NEVER_AGAIN,
      page: 1,
      meters: {
        signed: (count) => void (counted.signed += count),
        failed: () => void (counted.failed += 1),
        contradicted: () => undefined,
      },
      log: pino({ level: 'error' }, { write: (line: string) => void lines.push(line) }),
    });
    await rounds.stop();
    expect(others.length).toBeGreaterThan(1);
    expect(sent.map((line) => (JSON.parse(line) as { workspaceId: string }).workspaceId)).toEqual(others);
    expect(counted).toEqual({ signed: others.length, failed: 1 });
    expect(lines.map((line) => (JSON.parse(line) as { workspaceId: string }).workspaceId)).toEqual([
      poisoned,
    ]);
  });
});

describe('openSigning', () => {
  it('makes a key in the data directory, for its owner only, and takes it again', async () => {
    const directory = await room();
    const nothing = { auditSigningKey: null, auditCheckpoints: null };
    const signings = await Promise.all([openSigning(nothing, directory), openSigning(nothing, directory)]);
    const again = await openSigning(nothing, directory);
    expect(new Set([...signings, again].map((signing) => signing?.signer.keyId)).size).toBe(1);
    expect(again?.sink?.name).toBe(join(directory, 'audit-checkpoints.jsonl'));
    expect((await stat(join(directory, 'audit-signing-key.pem'))).mode & 0o777).toBe(0o600);
    expect(await openSigning(nothing, null)).toBeNull();
  });

  it('takes a key as its text or its path', async () => {
    const path = join(await room(), 'key.pem');
    await writeFile(path, PEM);
    const from = async (auditSigningKey: string) =>
      (await openSigning({ auditSigningKey, auditCheckpoints: 'stdout' }, null))?.signer.keyId;
    expect(await from(path)).toBe(await from(PEM));
    expect(await from(PEM)).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each([
    ['a file that is not there', '/nowhere/key.pem'],
    [
      'a key of another kind',
      generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    ['no key', '-----BEGIN hunter2secret-----'],
  ])('refuses %s, and repeats nothing of it', async (_title, auditSigningKey) => {
    const error: unknown = await openSigning({ auditSigningKey, auditCheckpoints: null }, null).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConfigInvalid);
    expect(String(error)).toContain('AUDIT_SIGNING_KEY must be');
    expect(String(error)).not.toContain('hunter2secret');
  });
});
