import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.execute(
    'mutation { createPrompt(input: { slug: "a", content: { template: "Grüße 日本" } }) { ... on Prompt { id } } }',
  );
  for (const version of [2, 3, 4]) {
    await server.execute(
      `mutation { editPrompt(input: { slug: "a", content: { template: "${version}" } }) { ... on PromptVersion { id } } }`,
    );
  }
  await server.execute(
    'mutation { promoteVersion(input: { slug: "a", version: 2, reason: "ö" }) { ... on Promotion { id } } }',
  );
  await server.execute('mutation { archivePrompt(input: { slug: "a" }) { ... on Prompt { id } } }');
});

afterAll(async () => {
  await server.close();
});

// What is done to the log is undone after each test.
beforeEach(() =>
  server.database.query(
    'CREATE TABLE kept AS SELECT * FROM event; CREATE TABLE kept_counter AS SELECT * FROM event_counter',
  ),
);
afterEach(() =>
  asleep(
    'DELETE FROM event',
    'INSERT INTO event SELECT * FROM kept',
    'DELETE FROM event_counter',
    'INSERT INTO event_counter SELECT * FROM kept_counter',
    'DROP TABLE kept, kept_counter',
  ),
);

/** As somebody with the database's highest rights could: with every trigger asleep. */
const asleep = (...statements: string[]) =>
  server.database.query(
    ['BEGIN', 'SET LOCAL session_replication_role = replica', ...statements, 'COMMIT'].join(';'),
  );

async function verify(...args: string[]) {
  const { code, stdout } = await runCli(['audit', 'verify', '--json', ...args], {
    PROMPTFORGE_URL: server.url,
    PROMPTFORGE_API_KEY: server.adminKey,
  });
  const verdict = JSON.parse(stdout) as {
    ok: boolean;
    verified: number;
    faults: { seq: number; kind: string }[];
  };
  return { code, ...verdict, found: verdict.faults.map(({ seq, kind }) => `${seq} ${kind}`) };
}

describe('promptforge audit verify, against a real server', () => {
  it('finds nothing in a log that is whole, and sees all of it', async () => {
    const [row] = await server.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM event WHERE workspace_id = (SELECT id FROM workspace WHERE slug = 'default')`,
    );
    expect(await verify()).toMatchObject({ code: 0, ok: true, verified: row?.n, found: [] });
  });

  it.each([
    ['payload', `payload = '{"slug":"b"}'`],
    ['actor', `actor_name = 'somebody else'`],
    ['time', 'at_micros = at_micros + 1'],
    ['type', `type = 'PromptRestored'`],
    ['prompt', 'prompt_id = NULL'],
    ['hash', `hash = sha256('x')`],
  ])('finds an event whose %s was edited', async (_field, change) => {
    await asleep(`UPDATE event SET ${change} WHERE seq = 6`);
    const { code, found } = await verify();
    expect(code).toBe(1);
    expect(found.some((fault) => fault.startsWith('6 '))).toBe(true);
  });

  it('finds an event that was edited together with its hash', async () => {
    await asleep(
      `UPDATE event SET actor_name = 'somebody else' WHERE seq = 6`,
      `UPDATE event AS e SET hash = sha256(prev_hash || convert_to(event_hashed_text(e), 'UTF8')) WHERE seq = 6`,
    );
    expect((await verify()).found).toEqual(['6 INSERTED_OR_REORDERED']);
  });

  it.each([
    ['in the middle', 6],
    ['at the beginning', 1],
  ])('finds that an event is missing %s', async (_place, seq) => {
    await asleep(`DELETE FROM event WHERE seq = ${seq}`);
    expect(await verify()).toMatchObject({ code: 1, found: [`${seq} MISSING`] });
  });

  it('finds an event that was put in, the later ones moved up', async () => {
    await asleep(
      'UPDATE event SET seq = -seq WHERE seq >= 6',
      'UPDATE event SET seq = 1 - seq WHERE seq < 0',
      `INSERT INTO event SELECT workspace_id, 6, 6, 'Forged', actor_kind, actor_id, actor_name, at_micros, NULL, NULL, '{}', 1, prev_hash, hash FROM event WHERE seq = 7`,
    );
    const { code, found } = await verify();
    expect(code).toBe(1);
    expect(found.length).toBeGreaterThan(0);
  });

  it('finds two events that changed places', async () => {
    await asleep(
      'UPDATE event SET seq = -5 WHERE seq = 5',
      'UPDATE event SET seq = 5 WHERE seq = 6',
      'UPDATE event SET seq = 6 WHERE seq = -5',
    );
    expect((await verify()).code).toBe(1);
  });
});
