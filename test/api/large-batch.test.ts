import { afterAll, beforeAll, expect, it } from 'vitest';
import { openFollower } from '../support/follower.ts';
import type { Follower } from '../support/follower.ts';
import { upTo } from '../support/seed.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const PROMPTS = 237;
const FOLLOWERS = 100;
const slugs = upTo(PROMPTS).map((index) => `batch/prompt-${index}`);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (let from = 0; from < PROMPTS; from += 100) {
    const versions = slugs.slice(from, from + 100).map((slug) => ({
      slug,
      committedAt: '2026-01-31T12:00:00Z',
      message: 'Imported',
      content: { template: `Prompt ${slug} for {{name}}` },
    }));
    const document = `mutation ($versions: [ImportedVersion!]!) { importVersions(input: { versions: $versions }) { ... on ImportReport { created } } }`;
    await server.execute<object, object>(document, { versions }).then((answer) => answer.data());
  }
});
afterAll(() => server.close());

it(
  'brings everybody all of a large batch as one commit in its order, also those who are cut off half way',
  { timeout: 120_000 },
  async () => {
    const followers = await Promise.all(
      upTo(FOLLOWERS).map(() => openFollower(server, 'prompts: ["batch/*"], bookmarks: true, mode: ALL')),
    );
    const greetings = await Promise.all(followers.map((follower) => follower.next()));
    const before = greetings[0]?.cursor;
    const items = slugs.map((slug) => ({ slug, version: 1 }));
    const document = `mutation ($items: [PromoteItem!]!) { promoteVersions(input: { items: $items }) { ... on PromotionBatch { cursor } } }`;
    const promoted = server.execute<{ promoteVersions: { cursor: string } }, object>(document, { items });
    const received = await Promise.all(
      followers.map((follower, index) => (index % 2 === 0 ? takeAll(follower) : cutOffHalfWay(follower))),
    );
    const { cursor } = (await promoted).data().promoteVersions;
    for (const events of received) {
      expect(events.map(({ slug }) => slug)).toEqual(slugs);
      expect(events.slice(0, -1).every((event) => event.more && event.cursor === before)).toBe(true);
      expect(events.at(-1)).toMatchObject({ more: false, cursor });
    }
  },
);

async function takeAll(follower: Follower, events: Awaited<ReturnType<Follower['next']>>[] = []) {
  while (events.at(-1)?.more !== false) events.push(await follower.nextEvent());
  return events;
}

/** Whoever comes back in the middle gets the commit from its beginning: a part of it was never applied. */
async function cutOffHalfWay(follower: Follower) {
  let last = await follower.nextEvent();
  for (let count = 1; count < PROMPTS / 2; count += 1) last = await follower.nextEvent();
  follower.socket.close();
  return takeAll(await openFollower(server, `prompts: ["batch/*"], mode: ALL, after: "${last.cursor}"`));
}
