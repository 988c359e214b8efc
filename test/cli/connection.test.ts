import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { runCli } from './run-cli.ts';
import type { CliRun } from './run-cli.ts';
import { startWireServer } from './wire-server.ts';
import type { WireAnswer, WireServer } from './wire-server.ts';

const WORKSPACE = Buffer.from('Workspace:01939c1e-7a6b-7000-8000-000000000001').toString('base64');
const EMPTY_LOG = {
  data: {
    workspace: { id: WORKSPACE },
    events: { edges: [], pageInfo: { hasNextPage: false, endCursor: null } },
  },
};

let server: WireServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

/** Any command that asks the server; what is asked does not matter here. */
async function ask(
  answer: (count: number) => WireAnswer,
  env: Readonly<Record<string, string>> = {},
): Promise<CliRun> {
  server = await startWireServer((_request, count) => answer(count));
  return runCli(['audit', 'verify'], { PROMPTFORGE_URL: server.url, PROMPTFORGE_API_KEY: 'key', ...env });
}

async function unusedPort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

describe('a command that asks the server', () => {
  it('asks whether the server is running when nobody listens', async () => {
    const url = `http://127.0.0.1:${await unusedPort()}`;
    const { code, stdout, stderr } = await runCli(['--url', url, 'audit', 'verify']);
    expect([code, stdout, stderr]).toEqual([3, '', expect.stringMatching(/^error: .*is the server running/)]);
  });

  it('asks for a key when there is none', async () => {
    const { code, stderr } = await ask(() => ({ status: 401 }), { PROMPTFORGE_API_KEY: '' });
    expect([code, stderr]).toEqual([4, expect.stringContaining('set PROMPTFORGE_API_KEY to an API key')]);
    expect(server?.requests[0]?.authorization).toBeUndefined();
  });

  it('asks for another key when this one is not known, without showing it', async () => {
    const problem = { title: 'Unauthorized', detail: 'send a valid API key' };
    const headers = { 'content-type': 'application/problem+json' };
    const { code, stderr } = await ask(() => ({ status: 401, headers, body: problem }), {
      PROMPTFORGE_API_KEY: 'pf_secret',
    });
    expect([code, stderr]).toEqual([4, expect.stringContaining('to a valid one (send a valid API key)')]);
    expect(stderr).not.toContain('pf_secret');
  });

  it('takes the address that the server prints when it is ready', async () => {
    server = await startWireServer(() => ({ body: EMPTY_LOG }));
    await runCli(['audit', 'verify', '--url', `${server.url}/graphql`]);
    await runCli(['audit', 'verify', '--url', `${server.url}/under/a/path/`]);
    expect(server.requests.map(({ path }) => path)).toEqual(['/graphql', '/under/a/path/graphql']);
  });

  it.each([
    ['an address without a scheme', { PROMPTFORGE_URL: 'localhost:4000' }, '--url'],
    ['an address with a password', { PROMPTFORGE_URL: 'http://a:b@localhost' }, '--url'],
    ['a key with a line break', { PROMPTFORGE_API_KEY: 'key\n' }, '--api-key'],
  ])('takes %s for wrong usage', async (_title, env, option) => {
    const { code, stderr } = await ask(() => ({ body: EMPTY_LOG }), env);
    expect([code, stderr]).toEqual([2, expect.stringContaining(option)]);
    expect(server?.requests).toEqual([]);
  });
});
