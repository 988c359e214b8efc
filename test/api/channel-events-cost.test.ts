import { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openFollower } from '../support/follower.ts';
import { upTo } from '../support/seed.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const SLUGS = upTo(40).map((index) => `cost/prompt-${index}`);
const PROMOTE = `mutation ($items: [PromoteItem!]!) { promoteVersions(input: { items: $items }) { ... on PromotionBatch { cursor } } }`;

const RENDERS = /\b(FROM|JOIN) +"?(public"?\."?)?(promotion|prompt_version)"/;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const versions = SLUGS.flatMap((slug) =>
    [1, 2].map((day) => ({
      slug,
      committedAt: `2026-01-0${day}T12:00:00Z`,
      message: 'x',
      content: { template: `${day}` },
    })),
  );
  const document = `mutation ($versions: [ImportedVersion!]!) { importVersions(input: { versions: $versions }) { ... on ImportReport { created } } }`;
  (await server.execute<object, object>(document, { versions })).data();
});
afterAll(() => server.close());

async function statementsOf(slugs: readonly string[], version: number): Promise<number> {
  const followers = await Promise.all(
    upTo(10).map(() => openFollower(server, 'prompts: ["cost/*"], bookmarks: true')),
  );
  for (const follower of followers) await follower.next();
  server.statements.length = 0;
  const items = slugs.map((slug) => ({ slug, version }));
  (await server.execute<object, object>(PROMOTE, { items })).data();
  for (const follower of followers)
    for (const slug of slugs) expect((await follower.nextEvent()).slug).toBe(slug);
  for (const { socket } of followers) socket.close();
  return server.statements.filter((statement) => statement.trim().startsWith('SELECT')).length;
}

it('asks the database about as often for a commit of forty promotions as for one of two, whoever follows', async () => {
  const few = await statementsOf(SLUGS.slice(0, 2), 1);
  const many = await statementsOf(SLUGS, 2);
  expect(few).toBeLessThanOrEqual(20);
  expect(many).toBeLessThanOrEqual(few + 5);
});

it('writes one frame to all who follow the same: once to each, the same buffer, and with no more statements than to two', async () => {
  const [slug = ''] = SLUGS;
  const promoteTo = async (count: number, version: number) => {
    const followers = await Promise.all(upTo(count).map(() => openFollower(server, 'prompts: ["cost/*"]')));
    await expect
      .poll(
        async () =>
          (await (await server.get('/metrics')).text()).match(
            /^promptforge_subscriptions_behind (\d+)/m,
          )?.[1],
      )
      .toBe('0');
    const written: Buffer[] = [];
    const write = vi.spyOn(Socket.prototype, 'write');
    server.statements.length = 0;
    (await server.execute<object, object>(PROMOTE, { items: [{ slug, version }] })).data();
    for (const follower of followers) expect((await follower.nextEvent()).slug).toBe(slug);
    for (const [chunk] of write.mock.calls)
      if (Buffer.isBuffer(chunk) && chunk.includes('"type":"next"')) written.push(chunk);
    write.mockRestore();
    for (const { socket } of followers) socket.close();
    // What renders a frame reads these; what else a node asks every few seconds does not.
    const statements = server.statements.filter((statement) => RENDERS.test(statement)).length;
    return { written, statements };
  };
  const two = await promoteTo(2, 1);
  const many = await promoteTo(150, 2);
  expect(many.written).toHaveLength(150);
  expect(new Set(many.written).size).toBe(1);
  expect(many.statements).toBeLessThanOrEqual(two.statements + 5);
});
