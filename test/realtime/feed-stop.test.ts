import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';
import { countListeners, runFeed } from './feed-fixture.ts';

const PATIENCE = { timeout: 15_000, interval: 20 };

let registry: Registry;

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

describe('stop', () => {
  it('ends the listening connection, whether it was made or is being made', async () => {
    const ready = await runFeed(registry.opened, []);
    await expect.poll(() => ready.feed.status().listening, PATIENCE).toBe(true);
    const early = await runFeed(registry.opened, []);
    await Promise.all([ready.feed.stop(), early.feed.stop()]);
    expect(ready.feed.status().listening).toBe(false);
    await expect.poll(() => countListeners(registry.database), PATIENCE).toBe(0);
  });

  it('leaves nothing that keeps the process alive', async () => {
    const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
    const program = `
      import { openDatabase } from ${source('db/client.ts')};
      import { createFeed } from ${source('realtime/feed.ts')};
      const log = { info() {}, warn() {}, error() {} };
      const database = openDatabase({ address: { connectionString: process.env.URL }, onIdleError: () => undefined });
      const feed = createFeed(database, [], log);
      await feed.start();
      while (!feed.status().listening) await new Promise((resolve) => setTimeout(resolve, 10));
      await feed.stop();
      await database.close();
      console.log('stopped');`;
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program];
    const env = { PATH: '/usr/bin:/bin', URL: registry.database.url };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 20_000 });
    expect(stdout).toBe('stopped\n');
  });
});
