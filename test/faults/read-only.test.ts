import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const PATIENCE = { timeout: 15_000, interval: 50 };
const REFUSED = 'a change was refused: the database did not take it';
const EDIT =
  'mutation { editPrompt(input: { slug: "a", content: { template: "x" } }) { ... on PromptVersion { id } ... on Error { code } } }';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.execute(
    'mutation { createPrompt(input: { slug: "a", content: { template: "one" } }) { ... on Prompt { id } } }',
  );
});

afterAll(() => server.close());

/** As a fail-over does that leaves a node with the former primary: sessions are new, and may not write. */
async function setReadOnly(value: 'on' | 'off'): Promise<void> {
  const { database } = server;
  await database.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = ${value}`);
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'promptforge:%'`,
  );
}

async function edit(): Promise<{ id?: string; code?: string }> {
  const answer = await server.execute<{ editPrompt: { id?: string; code?: string } }, object>(EDIT);
  return answer.data().editPrompt;
}

describe('a database that may not be written', () => {
  it('refuses changes by type, one line in the log a second, and reads go on', async () => {
    await setReadOnly('on');
    await expect.poll(edit, PATIENCE).toEqual({ code: 'UNAVAILABLE' });
    server.logged.length = 0;
    const began = performance.now();
    for (let count = 0; count < 30; count += 1) expect(await edit()).toEqual({ code: 'UNAVAILABLE' });
    const seconds = Math.ceil((performance.now() - began) / 1_000);
    const lines = server.logged.filter(({ level }) => level > 30);
    expect(new Set(lines.map(({ msg }) => msg))).toEqual(new Set(lines.length > 0 ? [REFUSED] : []));
    expect(lines.length).toBeLessThanOrEqual(seconds);
    expect((await server.get('/v1/prompts/a?_version=latest')).status).toBe(200);
  });

  it('takes them again when it may', async () => {
    await setReadOnly('off');
    await expect.poll(edit, PATIENCE).toHaveProperty('id');
    const ready = async () => (await fetch(`${server.url}/readyz`)).json();
    await expect.poll(ready, PATIENCE).toEqual({ ready: true, degraded: false, reasons: [] });
  });
});
