import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { deferred } from '../support/deferred.ts';
import type { Deferred } from '../support/deferred.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', 'examples', 'python', 'follow.py');
const adminKey = 'python-example-admin-key-of-the-test';
const pythonMissing = spawnSync('python3', ['--version']).status === 0 ? null : 'there is no python3';

if (pythonMissing !== null) console.warn(`examples/python is not run: ${pythonMissing}`);

interface Script {
  /** The next line that it prints. */
  nextLine(): Promise<string>;
  stop(): Promise<void>;
}

function run(file: string, url: string, prompts: string): Script {
  const child = spawn('python3', [SCRIPT, 'stable', prompts, file], {
    env: { PATH: process.env['PATH'], PROMPTFORGE_URL: url, PROMPTFORGE_API_KEY: adminKey },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const stop = () => ended(child);
  onTestFinished(stop);
  return { nextLine: async () => String((await lines.next()).value), stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = deferred<void>();
  child.once('exit', () => exited.resolve());
  child.kill('SIGTERM');
  await exited.promise;
}

describe.skipIf(pythonMissing !== null)('examples/python/follow.py', { timeout: 60_000 }, () => {
  let directory: string;
  let file: string;
  let count = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'promptforge-python-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  beforeEach(() => {
    count += 1;
    file = join(directory, `prompts-${count}.json`);
  });

  /** What the script's file holds: version and text by slug. */
  async function kept(): Promise<Record<string, string>> {
    const { prompts } = JSON.parse(await readFile(file, 'utf8')) as {
      prompts: Record<string, { version: number; template: string }>;
    };
    return Object.fromEntries(
      Object.entries(prompts).map(([slug, { version, template }]) => [slug, `${version} ${template}`]),
    );
  }

  describe('on the real server', () => {
    let database: TestDatabase;
    let node: TestServer;
    /** Another node of the same database, which stays. */
    let writer: TestServer;
    beforeAll(async () => {
      database = await createTestDatabase();
      writer = await startTestServer({ database, config: { adminKey } });
      node = await startTestServer({ database, config: { adminKey } });
    });
    afterAll(async () => {
      await node.close();
      await writer.close();
      await database.drop();
    });

    async function write(field: string): Promise<void> {
      const data = (
        await writer.execute<Record<string, { code?: string }>, never>(`mutation { ${field} }`)
      ).data();
      for (const answer of Object.values(data)) expect(answer.code).toBeUndefined();
    }
    async function create(...slugs: string[]): Promise<void> {
      for (const slug of slugs) {
        await write(
          `createPrompt(input: { slug: "${slug}", content: { template: "é 1" } }) { ... on Error { code } }`,
        );
        await write(
          `editPrompt(input: { slug: "${slug}", content: { template: "é 2" } }) { ... on Error { code } }`,
        );
      }
    }
    const promote = (slug: string, version: number) =>
      write(`promoteVersion(input: { slug: "${slug}", version: ${version} }) { ... on Error { code } }`);

    it('begins with what is served, then prints and keeps each promotion and withdrawal', async () => {
      await create('one/a', 'one/b', 'other');
      await promote('one/a', 1);
      await promote('other', 1);
      const script = run(file, node.url, 'one/*');
      expect(await script.nextLine()).toBe('one/a: version 1');
      expect(await kept()).toEqual({ 'one/a': '1 é 1' });
      await promote('other', 2);
      await promote('one/a', 2);
      expect(await script.nextLine()).toBe('one/a: version 2');
      expect(await kept()).toEqual({ 'one/a': '2 é 2' });
      await write('withdrawPrompt(input: { slug: "one/a", channel: "stable" }) { ... on Error { code } }');
      expect(await script.nextLine()).toBe('one/a: withdrawn');
      expect(await kept()).toEqual({});
    });

    it('keeps all of a batch at once', async () => {
      await create('two/a', 'two/b');
      const script = run(file, node.url, 'two/a,two/b');
      await promote('two/a', 1);
      expect(await script.nextLine()).toBe('two/a: version 1');
      await write(
        'promoteVersions(input: { items: [{ slug: "two/a", version: 2 }, { slug: "two/b", version: 2 }] }) { ... on Error { code } }',
      );
      expect(await script.nextLine()).toBe('two/a: version 2');
      expect(await kept()).toEqual({ 'two/a': '2 é 2', 'two/b': '2 é 2' });
      expect(await script.nextLine()).toBe('two/b: version 2');
    });

    it('hears what was promoted while the server was away, and while it was away itself', async () => {
      await create('three/a');
      await promote('three/a', 1);
      const script = run(file, node.url, 'three/*');
      expect(await script.nextLine()).toBe('three/a: version 1');
      const { port } = new URL(node.url);
      await node.close();
      await promote('three/a', 2);
      expect(await kept()).toEqual({ 'three/a': '1 é 1' });
      node = await startTestServer({ database, config: { adminKey, port: Number(port) } });
      expect(await script.nextLine()).toBe('three/a: version 2');
      await script.stop();
      await promote('three/a', 1);
      const again = run(file, node.url, 'three/*');
      expect(await again.nextLine()).toBe('three/a: version 1');
      expect(await kept()).toEqual({ 'three/a': '1 é 1' });
    });
  });

  it('applies nothing of a commit that was cut in the middle, and asks for it again', async () => {
    const requests: Deferred<IncomingMessage['headers']>[] = [deferred(), deferred()];
    const promoted = (slug: string, more: boolean) =>
      `event: promoted\ndata: ${JSON.stringify({ slug, version: 1, template: 'x', more })}\n\n`;
    const first = `retry: 5\n\nid: c1\nevent: snapshot\ndata: ${JSON.stringify({ complete: true, entries: [], more: false })}\n\n${promoted('a', true)}`;
    const second = `${promoted('a', true)}id: c2\n${promoted('b', false)}`;
    const goOn = deferred<void>();
    let asked = 0;
    const server = createServer((req, res) => {
      requests[asked]?.resolve(req.headers);
      asked += 1;
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      if (asked === 1) res.end(first);
      else void goOn.promise.then(() => res.write(second));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const script = run(file, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, '');
    const [cut, whole] = await Promise.all(requests.map(({ promise }) => promise));
    expect(cut?.['last-event-id'] ?? '').toBe('');
    expect(whole).toMatchObject({ 'last-event-id': 'c1', authorization: `Bearer ${adminKey}` });
    expect(await kept(), 'what came of the commit that was cut').toEqual({});
    goOn.resolve();
    expect(await script.nextLine()).toBe('a: version 1');
    expect(await kept()).toEqual({ a: '1 x', b: '1 x' });
    expect(await script.nextLine()).toBe('b: version 1');
  });
});
