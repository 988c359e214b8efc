import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';
import { lockTable } from '../support/streams.ts';

/** Shorter than the 4 s after which PostgreSQL itself gives up to wait for a lock. */
const OPERATION_MS = 400;
const SLOW = '{ prompts(first: 1) { edges { node { slug latest { number } } } } }';

const adminKey = 'a key of both nodes'.replaceAll(' ', '-').padEnd(24, '-');

let server: TestServer;
/** Of the same database, and with all the time that it needs. */
let patient: TestServer;
beforeAll(async () => {
  patient = await startTestServer({ config: { adminKey } });
  server = await startTestServer({
    database: patient.database,
    config: { adminKey },
    times: { operationMs: OPERATION_MS },
  });
  const create =
    'mutation C { createPrompt(input: { slug: "slow/one", content: { template: "x" } }) { __typename } }';
  (await patient.execute(create)).data();
});
afterAll(async () => {
  await server.close();
  await patient.close();
});

async function locked<T>(run: () => Promise<T>): Promise<T> {
  const lock = await lockTable(server, 'prompt');
  try {
    return await run();
  } finally {
    await lock.release();
  }
}

const post = (body: object, accept: string) =>
  fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  });

describe('an operation that runs too long', () => {
  it('is answered with TIMEOUT over HTTP: 504 where the media type knows of it', async () => {
    const answer = await locked(() => post({ query: SLOW }, 'application/graphql-response+json'));
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'TIMEOUT' } }] });
    const older = await locked(() => post({ query: SLOW }, 'application/json'));
    expect(older.status).toBe(200);
    expect((await patient.execute(SLOW)).data()).toMatchObject({ prompts: { edges: [{}] } });
  });

  it('begins nothing more: what was to be read after it is not', async () => {
    const query =
      '{ prompts(first: 1) { edges { node { latest { usage(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z") { total } } } } } }';
    const reads = ({ statements }: TestServer) =>
      statements.filter((sql) => /^\s*SELECT/i.test(sql) && sql.includes('version_usage')).length;
    (await patient.execute(query)).data();
    expect(reads(patient)).toBeGreaterThan(0);
    const lock = await lockTable(server, 'prompt');
    const answer = await post({ query }, 'application/json');
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'TIMEOUT' } }] });
    await lock.release();
    await lock.waiters(0);
    // Behind whatever this node would still do.
    await server.get('/graphql?query={viewer{workspace{slug}}}');
    expect(reads(server)).toBe(0);
  });

  it('is answered with TIMEOUT over WebSocket, and the connection goes on', async () => {
    const socket = await openAcknowledged(server.url, server.adminKey);
    const message = await locked(() => {
      socket.send({ id: 's', type: 'subscribe', payload: { query: SLOW } });
      return socket.next();
    });
    expect(message).toMatchObject({
      id: 's',
      type: 'next',
      payload: { errors: [{ extensions: { code: 'TIMEOUT' } }] },
    });
    expect(await socket.next()).toEqual({ id: 's', type: 'complete' });
    await socket.expectNothing();
  });
});

describe('a subscription that takes too long to begin', () => {
  const query = 'subscription S { channelEvents(channel: "slow") { __typename } }';

  it('is answered with TIMEOUT as an event stream and over WebSocket', async () => {
    const lock = await lockTable(server, 'channel');
    const stream = await post({ query }, 'text/event-stream');
    expect(await stream.text()).toMatch(/^event: next\ndata: .*"TIMEOUT".*\n\nevent: complete/);
    const socket = await openAcknowledged(server.url, server.adminKey);
    socket.send({ id: 's', type: 'subscribe', payload: { query } });
    expect(await socket.next()).toMatchObject({ payload: { errors: [{ extensions: { code: 'TIMEOUT' } }] } });
    await lock.release();
  });
});

describe('a mutation that takes too long', () => {
  it('says that its outcome is unknown, and begins no further one', async () => {
    const edit = (name: string, slug: string) =>
      `${name}: createPrompt(input: { slug: "${slug}", content: { template: "x" } }) { __typename }`;
    const answer = await locked(() =>
      post({ query: `mutation M { ${edit('a', 'late/a')} ${edit('b', 'late/b')} }` }, 'application/json'),
    );
    const { errors } = (await answer.json()) as {
      errors: { message: string; extensions: { code: string } }[];
    };
    expect(errors).toMatchObject([{ extensions: { code: 'TIMEOUT' } }]);
    expect(errors[0]?.message).toContain('unknown');
    await expect
      .poll(async () => (await patient.execute('{ prompt(slug: "late/a") { slug } }')).data(), {
        timeout: 10_000,
      })
      .toEqual({ prompt: { slug: 'late/a' } });
    expect((await patient.execute('{ prompt(slug: "late/b") { slug } }')).data()).toEqual({ prompt: null });
  });
});
