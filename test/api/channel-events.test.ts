import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openFollower } from '../support/follower.ts';

let server: TestServer;
let slug: string;
let count = 0;

beforeAll(async () => {
  server = await startTestServer({ times: { bookmarkMs: 300 } });
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  slug = `team-${count}/greeting`;
  await create(slug, 3);
});

async function create(name: string, versions: number): Promise<void> {
  await write(
    `createPrompt(input: { slug: "${name}", content: { template: "1" } }) { ... on Prompt { id } }`,
  );
  for (let version = 2; version <= versions; version += 1)
    await write(
      `editPrompt(input: { slug: "${name}", content: { template: "${version}" } }) { ... on PromptVersion { id } }`,
    );
}

async function write(field: string): Promise<void> {
  const answer = Object.values(
    (await server.execute<Record<string, object>, never>(`mutation { ${field} }`)).data(),
  );
  expect(answer).toEqual([expect.not.objectContaining({ code: expect.anything() })]);
  expect(Object.keys(answer[0] ?? {})).not.toEqual([]);
}

const promote = (version: number, name = slug) =>
  write(`promoteVersion(input: { slug: "${name}", version: ${version} }) { ... on Promotion { id } }`);
const follow = (args: string) => openFollower(server, args);

describe('channelEvents over WebSocket', () => {
  it('pushes a promotion with its version, its prompt and the one before', async () => {
    const follower = await follow(`prompts: ["${slug}"], bookmarks: true`);
    expect(await follower.next()).toMatchObject({ __typename: 'Bookmark', lagMs: 0 });
    await promote(1);
    await promote(2);
    expect(await follower.nextEvent()).toMatchObject({
      __typename: 'VersionPromoted',
      more: false,
      slug,
      promotion: { kind: 'PROMOTION' },
      prompt: { slug },
      version: { number: 1, template: '1' },
      previousVersion: null,
    });
    expect(await follower.nextEvent()).toMatchObject({
      version: { number: 2 },
      previousVersion: { number: 1 },
    });
  });

  it('replays after a cursor, then goes on live', async () => {
    const first = await follow(`prompts: ["${slug}"], bookmarks: true`);
    const { cursor } = await first.next();
    await promote(1);
    await promote(2);
    const second = await follow(`prompts: ["${slug}"], after: "${cursor}"`);
    expect((await second.nextEvent()).version).toMatchObject({ number: 1 });
    expect((await second.nextEvent()).version).toMatchObject({ number: 2 });
    await promote(3);
    expect((await second.nextEvent()).version).toMatchObject({ number: 3 });
  });

  it('begins with what is served when asked to', async () => {
    await promote(2);
    const follower = await follow(`prompts: ["team-${count}/*"], snapshot: true`);
    expect(await follower.next()).toMatchObject({
      __typename: 'ChannelSnapshot',
      reason: 'REQUESTED',
      complete: true,
      more: false,
      entries: [
        {
          channel: { name: 'stable' },
          prompt: { slug },
          version: { number: 2, template: '2' },
          promotion: { kind: 'PROMOTION', version: { number: 2 } },
        },
      ],
    });
    await promote(3);
    expect((await follower.nextEvent()).version).toMatchObject({ number: 3 });
  });
});
