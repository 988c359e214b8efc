import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openFollower } from '../support/follower.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { metricBecomes } from '../support/streams.ts';
import { listenAs } from './instances.ts';
import { createPrompt, promote } from './registry.ts';

const PATIENCE = { timeout: 15_000, interval: 20 };

let server: TestServer;
let count = 0;
let folder: string;
let slug: string;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  folder = `instances-${count}`;
  slug = `${folder}/one`;
  await createPrompt(server, slug);
});

describe('who listens', () => {
  it('is listed soon, with its name and what it has applied; one rendering serves all names', async () => {
    const socket = await openFollower(server, `prompts: ["${slug}"], instance: "pod:7_a.b-c"`);
    const names = ['v-1', 'v-2'];
    for (const name of names) {
      const query = `subscription ($i: String) { channelEvents(prompts: ["${folder}/*"], instance: $i) { cursor } }`;
      socket.socket.send({ type: 'subscribe', id: name, payload: { query, variables: { i: name } } });
    }
    await listenAs('web-1', { node: server, key: server.adminKey, prompts: slug, saysTo: server });
    await expect
      .poll(() => listed(...names, 'web-1', 'pod:7_a.b-c'), { timeout: 2_000, interval: 20 })
      .toBe(4);
    await metricBecomes(server, 'promptforge_subscription_groups', 3);
    await promote(server, slug, 1);
    const { edges } = await subscribers();
    expect(new Set(edges.map(({ node }) => node.instance))).toEqual(
      new Set(['pod:7_a.b-c', 'web-1', ...names]),
    );
    const { workspace } = (await server.execute('{ workspace { headCursor } }')).data() as {
      workspace: { headCursor: string };
    };
    const applied = async () =>
      (await subscribers()).edges.flatMap(({ node }) =>
        node.instance === 'web-1' ? [node.appliedCursor] : [],
      );
    await expect.poll(applied, PATIENCE).toEqual([workspace.headCursor]);
  });

  it('is asked for by one statement more', async () => {
    await listenAs('counted', { node: server, key: server.adminKey, prompts: slug, saysTo: server });
    await expect.poll(() => listed('counted'), PATIENCE).toBe(1);
    const statementsOf = async (field: string) => {
      const query = `{ channel(name: "stable") { subscribers(first: 50) { edges { node { ${field} } } } } }`;
      server.statements.length = 0;
      (await server.execute(query)).data();
      return server.statements.filter(
        (sql) => /^\s*SELECT/i.test(sql) && /stream_|"channel"|applied/.test(sql),
      ).length;
    };
    const plain = await statementsOf('since');
    expect(await statementsOf('instance appliedCursor')).toBe(plain + 1);
  });

  it.each(['', 'a b', 'x'.repeat(65), 'é'])('cannot be called %j', async (name) => {
    const events = await server.get(`/v1/channels/stable/events?instance=${encodeURIComponent(name)}`, {
      accept: 'text/event-stream',
    });
    expect([events.status, await events.json()]).toMatchObject([
      400,
      { code: 'INVALID_INPUT', field: 'instance' },
    ]);
    await expect(
      openFollower(server, `instance: ${JSON.stringify(name)}`).then((f) => f.next()),
    ).rejects.toThrow('INVALID_INPUT');
  });
});

async function subscribers() {
  const document =
    '{ channel(name: "stable") { subscribers(first: 100) { edges { node { instance appliedCursor } } } } }';
  const { channel } = (await server.execute(document)).data() as {
    channel: {
      subscribers: { edges: { node: { instance: string | null; appliedCursor: string | null } }[] };
    };
  };
  return channel.subscribers;
}

/** How many of them the table lists. */
async function listed(...names: readonly string[]): Promise<number | undefined> {
  const rows = await server.database.query<{ count: number }>(
    'SELECT count(DISTINCT instance)::int AS count FROM stream_subscriber WHERE instance = ANY($1)',
    [names],
  );
  return rows[0]?.count;
}
