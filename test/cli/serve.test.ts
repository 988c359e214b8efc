import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY_PATTERN } from '../../src/domain/api-key.ts';
import { runToEnd, startServerProcess, temporaryDirectory } from '../support/process.ts';
import type { ServerProcess } from '../support/process.ts';

const CLI = 'dist/cli/main.js';

describe('a server with its own database', { timeout: 120_000 }, () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let env: Record<string, string>;
  let server: ServerProcess;
  let firstKey: string;

  const status = async (key: string, path = '/v1/prompts/support/assistant') =>
    (await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${key}` } })).status;

  const startOn = async (settings: Record<string, string>) => (server = await startServerProcess(settings));

  beforeAll(async () => {
    directory = await temporaryDirectory();
    env = { PROMPTFORGE_DATA_DIR: directory.path };
    server = await startServerProcess(env);
    firstKey = /pf_live_\w+/.exec(server.output())?.[0] ?? '';
  });
  afterAll(async () => {
    await server.stop('SIGTERM');
    await directory.remove();
  });

  it('prints at its first start the key, a link that is signed in and a curl that works', async () => {
    expect(firstKey).toMatch(API_KEY_PATTERN);
    expect(server.output()).toContain(`${server.url}/graphql#key=${firstKey}`);
    const curl = /curl -H '([^:]+): ([^']+)' (\S+)/.exec(server.output());
    const answer = await fetch(curl?.[3] ?? '', { headers: { [curl?.[1] ?? '']: curl?.[2] ?? '' } });
    expect(await answer.json()).toMatchObject({ slug: 'support/assistant', channel: 'stable', version: 2 });
    expect(server.errors()).not.toContain(firstKey);
  });

  it('has a demo whose stable version is older than its latest', async () => {
    const latest = await fetch(`${server.url}/v1/prompts/support/assistant?_version=latest`, {
      headers: { authorization: `Bearer ${firstKey}` },
    });
    expect(await latest.json()).toMatchObject({ version: 3, channel: 'latest' });
  });

  it('refuses a second server on its data directory, naming its pid', async () => {
    const second = await runToEnd(['dist/main.js'], { ...env, PORT: '0' });
    expect(second.code).toBe(1);
    expect(second.errors).toContain(`in use by process ${server.pid}`);
    expect(await status(firstKey)).toBe(200);
  });

  it('lets keys be made, listed and revoked while it runs, and hears of a revocation', async () => {
    const created = await runToEnd([CLI, '--json', 'keys', 'create', '--reader', '--name', 'web'], env);
    expect(created).toMatchObject({ code: 0, errors: '' });
    const { id, key } = JSON.parse(created.output) as { id: string; key: string };
    expect(await status(key)).toBe(200);
    const listed = await runToEnd([CLI, 'keys', 'list'], env);
    expect(listed.output).toMatch(new RegExp(`^${id} +VIEWER .* active +web$`, 'm'));
    expect(listed.output).not.toContain(key);
    const revoked = await runToEnd([CLI, '--json', 'keys', 'revoke', id], env);
    expect([revoked.code, JSON.parse(revoked.output)]).toEqual([0, { id, revoked: true }]);
    await expect.poll(() => status(key), { timeout: 10_000 }).toBe(401);
    expect(await status(firstKey)).toBe(200);
    expect((await runToEnd([CLI, 'keys', 'revoke', 'nobody'], env)).errors).toContain('no API key "nobody"');
    expect((await runToEnd([CLI, 'keys', 'create'], env)).code).toBe(2);
  });

  it(
    'makes keys of every role with scopes, limits and an end, and rotates them',
    { timeout: 90_000 },
    async () => {
      const keys = (...args: string[]) => runToEnd([CLI, '--json', 'keys', ...args], env);
      const wish =
        '--role releaser --scope channels:read --scope channels:promote --prompts a,support/* --channels stable';
      const created = await keys(
        'create',
        ...wish.split(' '),
        '--expires',
        '2100-01-31',
        '--name',
        'deployer',
      );
      expect(created).toMatchObject({ code: 0, errors: '' });
      const { id, key, role } = JSON.parse(created.output) as Record<'id' | 'key' | 'role', string>;
      expect(role).toBe('RELEASER');
      const rotated = await keys('rotate', id, '--overlap-days', '2');
      const { key: next } = JSON.parse(rotated.output) as { key: string };
      for (const secret of [key, next]) expect(await status(secret)).toBe(200);
      const rows = JSON.parse((await keys('list')).output) as Record<string, unknown>[];
      const row = rows.find((candidate) => candidate['id'] === id);
      expect(row).toMatchObject({
        scopes: ['channels:read', 'channels:promote'],
        prompts: ['a', 'support/*'],
        channels: ['stable'],
        expiresAt: '2100-01-31T00:00:00.000Z',
        previousExpiresAt: expect.any(String) as string,
      });
      expect(JSON.stringify(rows)).not.toMatch(/hash/i);
      expect((await runToEnd([CLI, 'keys', 'list'], env)).output).toContain(
        'channels:read channels:promote; prompts a support/*; channels stable',
      );
      await keys('rotate', id);
      await expect.poll(() => status(key), { timeout: 10_000 }).toBe(401);
      await expect.poll(() => status(next), { timeout: 10_000 }).toBe(401);
    },
  );

  it(
    'makes keys of operators apart from every workspace, and refuses what makes no sense',
    { timeout: 90_000 },
    async () => {
      const keys = (...args: string[]) => runToEnd([CLI, 'keys', ...args], env);
      expect((await keys('create', '--operator', '--name', 'ops')).output).toMatch(/^pf_live_/);
      expect((await keys('list', '--operator')).output).toMatch(/OPERATOR .* ops\n {4}workspaces:manage\n$/);
      expect((await keys('list')).output).not.toContain('OPERATOR');
      const wrong = [
        [['--role', 'operator'], 2, '--role must be one of VIEWER'],
        [['--operator', '--workspace', 'default'], 2, 'leave out --workspace'],
        [['--reader', '--workspace', 'nowhere'], 2, 'no workspace "nowhere"'],
        [['--reader', '--scope', 'all'], 1, 'is no scope'],
      ] as const;
      for (const [args, code, says] of wrong) {
        const ended = await keys('create', ...args);
        expect([args, ended.errors]).toEqual([args, expect.stringContaining(says)]);
        expect([args, ended.code]).toEqual([args, code]);
      }
    },
  );

  it('keeps what it acknowledged through kill -9, starts again without another key, and ends with 0 when asked to', async () => {
    const query =
      'mutation { promoteVersion(input: { slug: "support/assistant", version: 3 }) { __typename } }';
    const answer = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${firstKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    expect(await answer.json()).toMatchObject({ data: { promoteVersion: { __typename: 'Promotion' } } });
    await server.stop('SIGKILL');
    server = await startServerProcess(env);
    expect(server.output()).not.toContain('pf_live_');
    const stable = await fetch(`${server.url}/v1/prompts/support/assistant`, {
      headers: { authorization: `Bearer ${firstKey}` },
    });
    expect(await stable.json()).toMatchObject({ version: 3 });
    expect(await server.stop('SIGINT')).toEqual({ code: 0, signal: null });
  });

  it('gives a lost key back while it is stopped: another admin key', async () => {
    const created = await runToEnd([CLI, 'keys', 'create', '--admin'], env);
    expect(created.code).toBe(0);
    server = await startServerProcess(env);
    expect(await status(created.output.trim())).toBe(200);
    expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('loses no key when its first start fails because the port is taken, and says what to do', async () => {
    const fresh = await temporaryDirectory();
    const taken = new URL((await startOn(env)).url).port;
    const refused = await runToEnd(['dist/main.js'], { PORT: taken, PROMPTFORGE_DATA_DIR: fresh.path });
    expect(refused.code).toBe(1);
    expect(refused.errors).toContain(`port ${taken} of "127.0.0.1" is taken`);
    const second = await startServerProcess({ PROMPTFORGE_DATA_DIR: fresh.path });
    expect(second.output()).toMatch(/pf_live_\w+/);
    await second.stop('SIGTERM');
    await fresh.remove();
  });

  it('says everything that is wrong with its configuration at once and ends with 78', async () => {
    const refused = await runToEnd(['dist/main.js'], {
      PORT: 'x',
      LOG_LEVEL: 'loud',
      PROMPTFORGE_ADMIN_KEY: 'short-secret',
    });
    expect(refused.code).toBe(78);
    for (const part of ['PORT', 'LOG_LEVEL', 'PROMPTFORGE_ADMIN_KEY', '4000', 'info'])
      expect(refused.errors).toContain(part);
    expect(refused.errors).not.toContain('short-secret');
    expect(refused.output).toBe('');
  });
});
