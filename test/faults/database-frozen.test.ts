import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { makeRoom, postgresProcesses, removeRoom } from './harness.ts';
import { startOwnDatabase } from './own-database.ts';
import type { OwnDatabase } from './own-database.ts';

const SLUGS = ['held', 'never-a', 'never-b'];

describe('with PostgreSQL frozen: connections stand, nothing is answered', () => {
  let room: string;
  let database: OwnDatabase;
  let server: TestServer;
  let frozen: number[] = [];

  const signal = (name: NodeJS.Signals) => {
    for (const pid of frozen) process.kill(pid, name);
  };

  beforeAll(async () => {
    room = await makeRoom();
    database = await startOwnDatabase(join(room, 'data'));
    server = await startTestServer({ database });
    for (const slug of SLUGS) {
      await server.execute(
        `mutation { createPrompt(input: { slug: "${slug}", content: { template: "one" } }) { ... on Prompt { id } } }`,
      );
    }
    await fetched('held');
    frozen = await postgresProcesses(join(room, 'data'));
    signal('SIGSTOP');
  });

  afterAll(async () => {
    signal('SIGCONT');
    await server.close();
    await database.stop();
    await removeRoom(room);
  });

  async function fetched(slug: string): Promise<{ status: number; code: unknown; ms: number }> {
    const began = performance.now();
    const answer = await server.get(`/v1/prompts/${slug}?_version=latest`);
    const { code } = (await answer.json()) as { code?: unknown };
    return { status: answer.status, code, ms: performance.now() - began };
  }

  it('delivery answers 503 after about 3 s, and at once when it is known to be away', async () => {
    const first = await fetched('never-a');
    expect(first).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    // The readers' statements give up after 10 s.
    expect(first.ms).toBeLessThan(8_000);
    const isDegraded = async () => {
      const ready = await fetch(`${server.url}/readyz`);
      return ((await ready.json()) as { degraded: boolean }).degraded;
    };
    await expect.poll(isDegraded, { timeout: 20_000, interval: 50 }).toBe(true);
    const later = await fetched('never-b');
    expect(later).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(later.ms).toBeLessThan(2_500);
    expect((await fetched('held')).status).toBe(200);
  }, 60_000);
});
