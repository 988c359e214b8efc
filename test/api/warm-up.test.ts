import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const adminKey = 'the-admin-key-of-the-warm-up';
const MIB = 1024 * 1024;
const WARM = 'what was hot before is in memory again';

describe('a node that starts', () => {
  let database: TestDatabase;
  const running: TestServer[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    const before = await start({ warmUp: false });
    const actor = await before.systemOf('default');
    for (const slug of ['hot', 'gone', 'never']) {
      await before.app.createPrompt(actor, { slug, content: { template: 'one' } });
      await before.app.promoteVersion(actor, { slug, version: 1 });
    }
    const paths = ['hot', 'hot?_version=latest', 'hot?_version=1', 'gone', 'never?_version=1'];
    for (const path of paths) await before.get(`/v1/prompts/${path}`);
    await before.app.withdrawPrompt(actor, { slug: 'gone', channel: 'stable' });
    await before.close();
  });

  afterAll(async () => {
    for (const server of running) await server.close();
    await database.drop();
  });

  const start = (snapshot: { warmUp: boolean }) =>
    startTestServer({ database, config: { adminKey, snapshot: { bytesMax: 8 * MIB, ...snapshot } } });

  async function figure(server: TestServer, name: string): Promise<number> {
    const text = await (await server.get('/metrics')).text();
    return Number(new RegExp(`^promptforge_serving_snapshot_${name} (\\d+)$`, 'm').exec(text)?.[1]);
  }

  it('has in memory again what channels serve and was fetched before, without being asked', async () => {
    const server = await start({ warmUp: true });
    running.push(server);
    await expect.poll(() => server.logged.find(({ msg }) => msg === WARM)).toMatchObject({ prompts: 2 });
    for (const path of ['hot', 'hot?_version=latest']) {
      expect((await server.get(`/v1/prompts/${path}`)).status).toBe(200);
    }
    expect([await figure(server, 'misses_total'), await figure(server, 'hits_total')]).toEqual([0, 2]);
    expect((await server.get('/v1/prompts/gone')).status).toBe(404);
    expect((await server.get('/v1/prompts/never')).status).toBe(200);
    expect(await figure(server, 'misses_total')).toBe(2);
  });

  it('follows the log with what it has loaded', async () => {
    const [server] = running;
    const actor = await server?.systemOf('default');
    if (server === undefined || actor === undefined) throw new Error('no server');
    await server.app.editPrompt(actor, { slug: 'hot', content: { template: 'two' } });
    await expect
      .poll(async () => (await server.get('/v1/prompts/hot?_version=latest')).json())
      .toMatchObject({ version: 2 });
  });

  it('has nothing in memory where the operator does not want it', async () => {
    const server = await start({ warmUp: false });
    running.push(server);
    expect(await figure(server, 'bytes')).toBe(0);
    expect(server.logged.some(({ msg }) => msg === WARM)).toBe(false);
  });
});
