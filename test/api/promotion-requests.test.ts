import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';
import { Ask, List, Plan, Promote, Review, SetPolicy } from './approvals.ts';
import { createPrompt, editPrompt } from './registry.ts';

let server: TestServer;
let editor: string;
let reviewers: string[];
beforeAll(async () => {
  server = await startTestServer();
  editor = (await server.createKey('EDITOR')).key;
  reviewers = [(await server.createKey('RELEASER')).key, (await server.createKey('RELEASER')).key];
  await server.execute(SetPolicy, { input: { channel: 'stable', pattern: 'ask/*', approvals: 2 } });
});
afterAll(() => server.close());

let made = 0;
let slug = '';
beforeEach(async () => {
  slug = `ask/prompt-${++made}`;
  await createPrompt(server, slug, { content: { template: 'Hello {{name}}' } });
  await editPrompt(server, slug, { content: { template: 'Hello {{title}}' } });
});

async function ask(version = 2): Promise<string> {
  const answer = (
    await server.execute(Ask, { input: { slug, version, reason: 'better' } }, { key: editor })
  ).data().requestPromotion;
  if (answer.__typename !== 'PromotionRequest') throw new Error(JSON.stringify(answer));
  return answer.id;
}

const review = async (request: string, key: string | undefined, decision: 'APPROVE' | 'REJECT' = 'APPROVE') =>
  (
    await server.execute(
      Review,
      { input: { request, decision, comment: 'seen' } },
      key === undefined ? {} : { key },
    )
  ).data().reviewPromotion;

describe('approvals over the wire', () => {
  it('goes from the request over two reviews to the promotion', async () => {
    const id = await ask();
    expect(await review(id, reviewers[0])).toMatchObject({
      status: 'OPEN',
      approvals: { have: 1, need: 2, rejections: 0 },
      promotion: null,
    });
    expect(await review(id, reviewers[1])).toMatchObject({
      status: 'APPLIED',
      approvals: { have: 2, need: 2, rejections: 0 },
      promotion: { breakGlass: false, request: { id }, actor: { kind: 'API_KEY' } },
      reviews: [
        { decision: 'APPROVE', comment: 'seen' },
        { decision: 'APPROVE', comment: 'seen' },
      ],
    });
    expect(await review(id, reviewers[1])).toEqual({
      __typename: 'RequestClosed',
      code: 'REQUEST_CLOSED',
      request: { status: 'APPLIED' },
    });
  });

  it('answers a promotion that is not approved with all that blocks it, and a missing scope as Forbidden', async () => {
    const input = { slug, version: 2 };
    const blocked = (await server.execute(Promote, { input })).data().promoteVersion;
    expect(blocked).toMatchObject({
      __typename: 'PromotionBlocked',
      code: 'PROMOTION_BLOCKED',
      blockers: [{ code: 'APPROVALS_MISSING', slug, have: 0, need: 2, until: null, channel: null }],
    });
    const forbidden = (await server.execute(Promote, { input }, { key: editor })).data().promoteVersion;
    expect(forbidden).toEqual({ __typename: 'Forbidden', code: 'FORBIDDEN' });
    const refused = () =>
      server.database.query(
        `SELECT payload::jsonb ->> 'code' AS code, source_address IS NOT NULL AS "hasAddress" FROM event
         WHERE type = 'PromotionRefused' AND payload::jsonb ->> 'slug' = $1 ORDER BY seq`,
        [slug],
      );
    await expect.poll(refused).toEqual([
      { code: 'PROMOTION_BLOCKED', hasAddress: true },
      { code: 'FORBIDDEN', hasAddress: true },
    ]);
    const broken = { ...input, breakGlass: true, reason: 'the house is on fire' };
    expect((await server.execute(Promote, { input: broken })).data().promoteVersion).toEqual({
      __typename: 'Promotion',
      breakGlass: true,
    });
  });

  it('answers a second request for the same with the first, and an unknown id as it answers one of another kind', async () => {
    const id = await ask();
    const again = (await server.execute(Ask, { input: { slug, version: 2 } })).data().requestPromotion;
    expect(again).toMatchObject({ __typename: 'AlreadyRequested', request: { id } });
    for (const unknown of [
      'nonsense',
      Buffer.from('Prompt:019a0000-0000-7000-8000-000000000001').toString('base64'),
    ])
      expect(await review(unknown, reviewers[0])).toEqual({ __typename: 'NotFound', code: 'NOT_FOUND' });
  });
});

describe('the plan of a promotion', () => {
  it('tells what would change, what is in the way, and who could approve', async () => {
    const broken = { slug, version: 1, breakGlass: true, reason: 'the first version' };
    await server.execute(Promote, { input: broken });
    const before = (await server.execute(Plan, { slug, version: 2 })).data().prompt?.promotionPlan;
    expect(before).toMatchObject({
      version: { number: 2 },
      serving: { number: 1 },
      variablesAdded: ['title'],
      variablesRemoved: ['name'],
      policy: { approvals: 2 },
      blockers: [{ code: 'APPROVALS_MISSING', have: 0, need: 2 }],
      request: null,
      allowed: false,
    });
    expect(before?.diff?.unified).toContain('+Hello {{title}}');
    expect(before?.approvers.map(({ kind }) => kind)).toEqual(['API_KEY', 'API_KEY']);
    const id = await ask();
    await review(id, reviewers[0]);
    const after = (await server.execute(Plan, { slug, version: 2 }, { key: editor })).data().prompt;
    expect(after?.promotionPlan).toMatchObject({
      blockers: [{ code: 'NOT_PERMITTED' }, { code: 'APPROVALS_MISSING', have: 1, need: 2 }],
      request: { id },
    });
  });

  it('says that nothing is in the way where nothing is, also where nothing is served', async () => {
    await createPrompt(server, `free/${made}`);
    const plan = (await server.execute(Plan, { slug: `free/${made}`, version: 1 })).data().prompt;
    expect(plan?.promotionPlan).toMatchObject({
      serving: null,
      diff: null,
      policy: null,
      blockers: [],
      allowed: true,
    });
    const unknown = await server.execute(Plan, { slug, version: 9 });
    expect(unknown.errors()[0]?.extensions?.code).toBe('VERSION_NOT_FOUND');
  });
});

describe('the list of requests', () => {
  it('is filtered, newest first, and asks no more for many than for one', async () => {
    const id = await ask();
    const only = { filter: { prompt: slug, status: 'OPEN', channel: 'stable' } as const };
    const listed = (await server.execute(List, { ...only, first: 5 })).data().promotionRequests;
    expect(listed).toMatchObject({
      totalCount: 1,
      edges: [
        {
          node: {
            id,
            status: 'OPEN',
            prompt: { slug },
            version: { number: 2 },
            serving: null,
            servingNow: null,
            diff: null,
            approvals: { have: 0, need: 2 },
            blockers: [{ code: 'APPROVALS_MISSING' }],
          },
        },
      ],
    });
    for (const nothing of ['none', 'NO SLUG'])
      expect(
        (await server.execute(List, { filter: { prompt: nothing }, first: 1 })).data().promotionRequests,
      ).toMatchObject({ totalCount: 0, edges: [] });
    for (let more = 0; more < 8; more += 1) {
      slug = `ask/many-${more}`;
      await createPrompt(server, slug);
      await ask(1);
    }
    // The feed and the janitor ask as well, now and then: the fewest of several are the list's own.
    const statementsOf = async (first: number) => {
      const counts: number[] = [];
      for (let round = 0; round < 4; round += 1) {
        server.statements.length = 0;
        (await server.execute(List, { first })).data();
        counts.push(server.statements.length);
      }
      return Math.min(...counts);
    };
    await statementsOf(1);
    expect(await statementsOf(8)).toBe(await statementsOf(2));
  });
});

describe('the subscription for reviewers', () => {
  const document = (args: string) =>
    `subscription { promotionRequests${args} { cursor change request { id status prompt { slug } } } }`;
  const changes = (payload: unknown) => {
    const { data } = payload as {
      data: { promotionRequests: { change: string; request: { prompt: { slug: string } } } };
    };
    return [data.promotionRequests.change, data.promotionRequests.request.prompt.slug];
  };

  it('tells over WebSocket what is asked for and what becomes of it, of the prompts and channel that are followed', async () => {
    const socket = await openAcknowledged(server.url, reviewers[0] ?? '');
    const query = document(`(channel: "stable", prompts: ["${slug}"])`);
    socket.send({ type: 'subscribe', id: '1', payload: { query } });
    const other = slug;
    // The greeting of a second subscription on the connection says that the first is there.
    socket.send({
      type: 'subscribe',
      id: '2',
      payload: { query: 'subscription { channelEvents(bookmarks: true, prompts: ["none"]) { __typename } }' },
    });
    expect((await socket.next()).id).toBe('2');
    socket.send({ type: 'complete', id: '2' });
    slug = 'ask/unheard';
    await createPrompt(server, slug);
    await ask(1);
    slug = other;
    const id = await ask();
    await review(id, reviewers[0]);
    await review(id, reviewers[1]);
    const told = [];
    while (told.length < 4) told.push(changes((await socket.next()).payload));
    expect(told).toEqual(['REQUESTED', 'REVIEWED', 'REVIEWED', 'APPLIED'].map((change) => [change, slug]));
  });

  it('tells over server-sent events, and refuses a channel that does not exist', async () => {
    const url = `${server.url}/graphql?query=${encodeURIComponent(document(''))}`;
    const stream = await openEventStream(url, {
      key: server.adminKey,
    });
    const id = await ask();
    expect(changes(JSON.parse((await stream.next()).data ?? ''))).toEqual(['REQUESTED', slug]);
    await review(id, reviewers[0], 'REJECT');
    expect(changes(JSON.parse((await stream.next()).data ?? ''))).toEqual(['REJECTED', slug]);
    const socket = await openAcknowledged(server.url, server.adminKey);
    const query = document('(channel: "nowhere")');
    socket.send({ type: 'subscribe', id: '1', payload: { query } });
    expect(await socket.next()).toMatchObject({
      payload: { errors: [{ extensions: { code: 'CHANNEL_NOT_FOUND' } }] },
    });
  });
});
