import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseConnection } from '../../src/cli/connection.ts';
import { explain } from '../../src/cli/explain.ts';
import { watch } from '../../src/cli/watch.ts';
import type { WatchOptions } from '../../src/cli/watch.ts';
import type { WatchedMove } from '../../src/cli/watch-line.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { startScriptedServer } from './scripted-socket.ts';
import type { ScriptedConnection } from './scripted-socket.ts';

const ADMIN_KEY = `pf_live_${'a'.repeat(43)}`;

let server: TestServer;
let admin: Actor;
let prompts = 0;
beforeAll(async () => {
  server = await startTestServer();
  admin = await server.systemOf('default');
});
afterAll(() => server.close());
afterEach(() => {
  vi.restoreAllMocks();
});

async function prompt(): Promise<string> {
  prompts += 1;
  const slug = `watched/p${prompts}`;
  await server.app.createPrompt(admin, { slug, content: { template: '1' } });
  await server.app.editPrompt(admin, { slug, content: { template: '2' }, message: 'Why' });
  return slug;
}

interface Watching {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Every whole line of --json. */
  readonly moves: () => WatchedMove[];
  /** Ends it; with which code it ends. */
  stop(): Promise<number>;
  /** With which code it ended by itself. */
  readonly ended: Promise<number>;
}

/** Watches in this process. */
async function startWatch(
  url: string,
  options: Partial<WatchOptions> = {},
  apiKey = server.adminKey,
): Promise<Watching> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      output[name] += String(text);
      return true;
    });
  }
  const controller = new AbortController();
  const { exitCode } = process;
  const ended = watch(
    parseConnection({ url, apiKey }),
    { channel: 'stable', retryBaseMs: 40, ...options },
    controller.signal,
  )
    .then(() => 0, explain)
    .finally(() => (process.exitCode = exitCode));
  const stop = async (): Promise<number> => {
    controller.abort();
    return ended;
  };
  onTestFinished(() => void stop());
  const moves = () =>
    output.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as WatchedMove);
  await vi.waitUntil(() => /^(watching|error)/.test(output.stderr), { timeout: 20_000, interval: 5 });
  return { stdout: () => output.stdout, stderr: () => output.stderr, moves, stop, ended };
}

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 20_000, interval: 5 });

describe('promptforge watch', () => {
  it('tells each move in a line: when, what, from, to, how, by whom, why, and how long it took', async () => {
    const slug = await prompt();
    const watching = await startWatch(server.url, { prompts: ['watched/*'] });
    await server.app.promoteVersion(admin, { slug, version: 1, reason: 'First\n\u001b[2Jone' });
    await server.app.promoteVersion(admin, { slug, version: 2 });
    await server.app.rollbackChannel(admin, { slug, reason: 'Too slow' });
    await server.app.withdrawPrompt(admin, { slug, channel: 'stable' });
    await until(() => watching.stdout().split('\n').length === 5);
    const lines = watching
      .stdout()
      .replaceAll(/\(-?[\d.]+ m?s\)/g, '(took)')
      .replaceAll(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/gm, 'then');
    expect(lines).toBe(
      [
        `then  ${slug}  nothing -> 1  PROMOTION  by system: First \\x1b[2Jone  (took)`,
        `then  ${slug}  1 -> 2  PROMOTION  by system  (took)`,
        `then  ${slug}  2 -> 1  ROLLBACK  by system: Too slow  (took)`,
        `then  ${slug}  1 -> nothing  WITHDRAWAL  by system  (took)`,
        '',
      ].join('\n'),
    );
    expect(await watching.stop()).toBe(0);
  });

  it('tells a rename as one, and goes on behind the cursor of a line', async () => {
    const slug = await prompt();
    await server.app.promoteVersion(admin, { slug, version: 2 });
    const watching = await startWatch(server.url, {
      prompts: [`${slug}*`, 'renamed/*'].slice(1).concat(slug),
      json: true,
    });
    await server.app.promoteVersion(admin, { slug, version: 1 });
    await until(() => watching.moves().length === 1);
    await server.app.updatePrompt(admin, { slug, newSlug: `renamed/${prompts}` });
    await until(() => watching.moves().length === 3);
    const [promoted, ...renamed] = watching.moves();
    expect(promoted).toMatchObject({
      slug,
      channel: 'stable',
      from: 2,
      to: 1,
      kind: 'PROMOTION',
      by: 'system',
      reason: null,
    });
    expect(promoted?.tookMs).toBeLessThan(5_000);
    expect(renamed).toMatchObject([
      { slug, from: 1, to: null, kind: 'RENAME', at: null, by: null, tookMs: null },
      { slug: `renamed/${prompts}`, from: null, to: 1, kind: 'RENAME' },
    ]);
    await watching.stop();
    const later = await startWatch(server.url, { since: promoted?.cursor ?? '', json: true });
    await until(() => later.moves().length === 2);
    expect(later.moves()).toEqual(renamed);
    await later.stop();
  });

  it('survives a restart of the server, and neither loses nor repeats a line', async () => {
    const { database } = server;
    const slug = await prompt();
    const move = (version: number) => server.app.promoteVersion(admin, { slug, version });
    const node = await startTestServer({ database });
    const watching = await startWatch(node.url, { json: true, prompts: [slug] });
    await move(1);
    await until(() => watching.moves().length === 1);
    await node.close();
    await until(() => watching.stderr().includes('connection lost (closed with 1012'));
    await move(2);
    await move(1);
    const again = await startTestServer({ database, config: { port: Number(new URL(node.url).port) } });
    onTestFinished(() => again.close());
    await until(() => watching.moves().length === 3);
    await move(2);
    await until(() => watching.moves().length === 4);
    expect(watching.moves().map(({ from, to }) => [from, to])).toEqual([
      [null, 1],
      [1, 2],
      [2, 1],
      [1, 2],
    ]);
    expect(watching.stderr().split('\n')).toEqual([
      'watching stable from now on; Ctrl-C ends it',
      expect.stringContaining('connection lost'),
      expect.stringContaining('connected again after'),
      '',
    ]);
    expect(await watching.stop()).toBe(0);
  });

  it.each<[string, { options?: Partial<WatchOptions>; key?: string; url?: string }, number, string]>([
    ['an unknown key', { key: `${ADMIN_KEY}x` }, 4, 'PROMPTFORGE_API_KEY'],
    ['a channel that is not there', { options: { channel: 'nope' } }, 5, 'there are latest, stable'],
    ['what is no cursor', { options: { since: 'nope' } }, 5, 'not a cursor'],
    ['what is no pattern', { options: { prompts: ['Not one'] } }, 5, 'refuses'],
    ['no server', { url: 'http://127.0.0.1:54' }, 3, 'refuses the connection'],
  ])('ends at once for %s', async (_what, { options, key, url }, code, says) => {
    const watching = await startWatch(url ?? server.url, options, key);
    expect(await watching.ended).toBe(code);
    expect(watching.stderr()).toContain(says);
  });

  it('says at once that the key of a service may not read what it tells', async () => {
    const { key } = await server.createKey('SERVICE');
    const watching = await startWatch(server.url, {}, key);
    expect(await watching.ended).toBe(4);
    expect(watching.stderr()).toContain('registry:read');
  });

  it('ends with 0 on SIGINT', async () => {
    const slug = await prompt();
    const child = spawn(process.execPath, ['dist/cli/main.js', 'watch', '--json'], {
      env: { PROMPTFORGE_URL: server.url, PROMPTFORGE_API_KEY: server.adminKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // That it watches: what moves from now on is told.
    await once(child.stderr, 'data');
    await server.app.promoteVersion(admin, { slug, version: 1 });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(JSON.parse(line.toString().split('\n')[0] ?? '')).toMatchObject({ slug, to: 1 });
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

const BOOKMARK = (cursor: string) => ({ __typename: 'Bookmark', cursor, more: false });
const promoted = (slug: string, cursor: string, commit: string, more = false) => ({
  __typename: 'VersionPromoted',
  cursor,
  more,
  slug,
  version: { number: 2 },
  previousVersion: null,
  promotion: {
    cursor: commit,
    kind: 'PROMOTION',
    createdAt: new Date().toISOString(),
    reason: null,
    breakGlass: false,
    actor: { kind: 'USER', name: 'ada' },
  },
});

describe('promptforge watch, of a server that does what it is told', () => {
  async function scripted(...script: readonly ScriptedConnection[]) {
    const scriptedServer = await startScriptedServer(script);
    onTestFinished(() => scriptedServer.close());
    return {
      server: scriptedServer,
      watching: await startWatch(scriptedServer.url, { json: true }, 'pf_test'),
    };
  }

  it('tells nothing of a commit that was cut off in the middle until it has come whole', async () => {
    const { server: other, watching } = await scripted(
      { frames: [BOOKMARK('c1'), promoted('a', 'c1', 'c2', true)], closes: 0 },
      { frames: [promoted('a', 'c1', 'c2', true), promoted('b', 'c2', 'c2')], closes: 1012 },
      { frames: [BOOKMARK('c2')] },
    );
    await until(() => other.asked.length === 3);
    expect(other.asked.map(({ after }) => after)).toEqual(['c0', 'c1', 'c2']);
    expect(watching.moves().map(({ slug, cursor }) => `${slug} ${cursor}`)).toEqual(['a c2', 'b c2']);
  });

  it('says when moves may be missing', async () => {
    const snapshot = { __typename: 'ChannelSnapshot', reason: 'HISTORY_CHANGED', complete: false, part: 1 };
    const { watching } = await scripted({
      frames: [
        { ...snapshot, cursor: 'x', more: true },
        { ...snapshot, part: 2, cursor: 'x', more: false },
        promoted('a', 'y', 'y'),
      ],
    });
    await until(() => watching.moves().length === 1);
    expect(watching.stderr().match(/HISTORY_CHANGED/g)).toHaveLength(1);
  });

  it('tries again when the server is busy or closes in whatever way, and gives up when the key is not accepted', async () => {
    const { server: other, watching } = await scripted(
      { errors: [{ message: 'busy', extensions: { code: 'UNAVAILABLE' } }] },
      { frames: [BOOKMARK('c1')], closes: 1000 },
      { refuses: 4403 },
    );
    expect(await watching.ended).toBe(4);
    expect(other.asked.map(({ after }) => after)).toEqual(['c0', 'c0']);
    expect(watching.stderr()).toContain('closed with 1000');
    expect(watching.stderr()).toContain('does not accept the API key');
  });

  it('gives up when no WebSocket goes through from the beginning', async () => {
    const { watching } = await scripted(
      { refuses: 1011 },
      { refuses: 1011 },
      { refuses: 1011 },
      { refuses: 1011 },
    );
    expect(await watching.ended).toBe(3);
    expect(watching.stderr()).toContain('takes no WebSocket (closed with 1011');
  });

  it('ends while it waits for another attempt', async () => {
    const { watching } = await scripted(
      { frames: [BOOKMARK('c1')], closes: 1012 },
      { refuses: 1011 },
      { refuses: 1011 },
    );
    await until(() => watching.stderr().includes('connection lost'));
    expect(await watching.stop()).toBe(0);
  });
});
