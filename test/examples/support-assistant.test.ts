import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { temporaryDirectory } from '../support/process.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', 'examples', 'support-assistant', 'server.js');
const adminKey = 'support-assistant-admin-key-of-the-test';
const TOLD = {
  2: 'Greet Ada by name, then answer in at most three sentences.',
  3: 'When you are not sure, say so and offer to hand over to a person.',
};

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let database: TestDatabase;
let server: TestServer;
let port: number;
beforeAll(async () => {
  directory = await temporaryDirectory();
  database = await createTestDatabase();
  server = await startTestServer({ database, config: { adminKey, demo: true } });
  port = Number(new URL(server.url).port);
});
afterAll(async () => {
  await server.close();
  await database.drop();
  await directory.remove();
});

/** The service as its README starts it, ready. */
async function startService() {
  const child = spawn(process.execPath, [SCRIPT], {
    env: {
      PATH: process.env['PATH'],
      PROMPTFORGE_URL: `http://127.0.0.1:${port}`,
      PROMPTFORGE_API_KEY: adminKey,
      CACHE_FILE: join(directory.path, 'prompts.json'),
      PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  const stop = async (): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
    return child.exitCode;
  };
  onTestFinished(async () => void (await stop()));
  const [, url = '', source] =
    /^support-assistant on (\S+), prompts from (\w+)$/.exec(await nextLine()) ?? [];
  const chat = async () => {
    const body = JSON.stringify({ customer: 'Ada', message: 'Does it dim?' });
    return (await fetch(`${url}/chat`, { method: 'POST', body })).json();
  };
  const status = async () => (await (await fetch(`${url}/status`)).json()) as { connected: boolean };
  return { source, chat, status, nextLine, stop };
}

async function promote(version: 2 | 3): Promise<void> {
  const input = `{ slug: "support/assistant", version: ${version} }`;
  const answer = await server.execute<{ promoteVersion: object }, never>(
    `mutation { promoteVersion(input: ${input}) { ... on Error { code } } }`,
  );
  expect(answer.data()).toEqual({ promoteVersion: {} });
}

const answerOf = (version: 2 | 3) => ({
  answer: `(told: ${TOLD[version]}) You asked: Does it dim?`,
  promptVersion: version,
});

it('uses what is promoted, goes on without the server, starts without it, and finds it again', async () => {
  const service = await startService();
  expect(service.source).toBe('server');
  expect(await service.chat()).toEqual(answerOf(2));
  await promote(3);
  expect(await service.nextLine()).toBe('support/assistant: version 2 -> 3');
  expect(await service.chat()).toEqual(answerOf(3));

  await server.close();
  await expect.poll(async () => (await service.status()).connected).toBe(false);
  expect(await service.chat()).toEqual(answerOf(3));
  expect(await service.stop()).toBe(0);

  const cold = await startService();
  expect(cold.source).toBe('disk');
  expect(await cold.chat()).toEqual(answerOf(3));

  server = await startTestServer({ database, config: { adminKey, port } });
  await promote(2);
  expect(await cold.nextLine()).toBe('support/assistant: version 3 -> 2');
  expect(await cold.chat()).toEqual(answerOf(2));
  expect(await cold.stop()).toBe(0);
});
