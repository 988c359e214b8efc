import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

const Events = graphql(`
  query EventsList($filter: EventFilter, $first: Int, $after: String, $last: Int, $before: String) {
    events(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
        startCursor
        hasPreviousPage
      }
      edges {
        node {
          seq
          type
          at
          actor {
            kind
            name
          }
          prompt {
            slug
          }
          promotion {
            kind
            cursor
          }
          cursor
        }
      }
    }
  }
`);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const slug of ['served/a', 'served/b']) {
    await createPrompt(server, slug);
    await promote(server, slug, 1);
  }
  await server.execute(
    'mutation { withdrawPrompt(input: { slug: "served/b", channel: "stable" }) { __typename } }',
  );
});
afterAll(() => server.close());

describe('events', () => {
  it('come newest first without holes, in pages, and backward', async () => {
    const all = (await server.execute(Events, { first: 100 })).data().events;
    const seqs = all.edges.map(({ node }) => node.seq);
    expect(seqs).toEqual(Array.from({ length: all.totalCount }, (_, index) => all.totalCount - index));
    const page = (await server.execute(Events, { first: 5 })).data().events;
    await createPrompt(server, 'between/pages');
    const next = (await server.execute(Events, { first: 5, after: page.pageInfo.endCursor ?? null })).data()
      .events;
    expect([...page.edges, ...next.edges].map(({ node }) => node.seq)).toEqual(seqs.slice(0, 10));
    const oldest = (await server.execute(Events, { last: 2 })).data().events;
    expect(oldest.edges.map(({ node }) => node.seq)).toEqual([2, 1]);
    expect(oldest.edges[1]?.node).toMatchObject({
      type: 'WorkspaceCreated',
      actor: { kind: 'SYSTEM' },
      prompt: null,
      promotion: null,
    });
  });

  it('filter by type, prompt, actor and time, all together', async () => {
    const list = async (filter: object) =>
      (await server.execute(Events, { filter, first: 100 })).data().events;
    const promoted = await list({ types: ['VersionPromoted', 'VersionWithdrawn'], prompt: 'served/b' });
    expect(promoted.edges.map(({ node }) => node.type)).toEqual([
      'VersionWithdrawn',
      'VersionPromoted',
      'VersionPromoted',
    ]);
    expect(promoted.edges[1]?.node).toMatchObject({
      prompt: { slug: 'served/b' },
      promotion: { kind: 'PROMOTION' },
    });
    expect(promoted.edges[1]?.node.cursor).toBe(promoted.edges[1]?.node.promotion?.cursor);
    expect((await list({ types: [] })).totalCount).toBe(0);
    expect((await list({ types: ['NoSuch'] })).totalCount).toBe(0);
    expect((await list({ prompt: 'no/such' })).totalCount).toBe(0);
    const all = await list({});
    const bySystem = await list({ actor: 'system' });
    const byKey = await list({ actor: 'first admin' });
    expect(bySystem.totalCount + byKey.totalCount).toBe(all.totalCount);
    expect(byKey.edges.every(({ node }) => node.actor.name === 'first admin')).toBe(true);
    const at = promoted.edges[1]?.node.at ?? '';
    const [since, until] = [await list({ since: at }), await list({ until: at })];
    expect(since.totalCount + until.totalCount).toBe(all.totalCount);
    expect(since.edges.every(({ node }) => node.at >= at)).toBe(true);
    expect(until.edges.every(({ node }) => node.at < at)).toBe(true);
    expect((await list({ since: at, until: at })).totalCount).toBe(0);
  });

  it.each<[object, string]>([
    [{ types: Array.from({ length: 51 }, () => 'X') }, 'filter.types'],
    [{ actor: 'x'.repeat(201) }, 'filter.actor'],
    [{ prompt: 'x'.repeat(201) }, 'filter.prompt'],
    [{ types: ['x'.repeat(201)] }, 'filter.types[0]'],
  ])('refuse a filter beyond its limits %#', async (filter, field) => {
    const [error] = (await server.execute(Events, { filter })).errors();
    expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field });
  });

  it.each(['yesterday', '2026-13-01T00:00:00Z', 17, '+275760-09-13T00:00:00.000Z', '2026-01-01'])(
    'refuse %j as a time',
    async (since) => {
      const answer = await server.execute(
        'query ($since: DateTime) { events(filter: { since: $since }) { totalCount } }',
        { since },
      );
      expect(answer.errors()[0]?.extensions?.code).not.toBe('INTERNAL_SERVER_ERROR');
      expect(answer.errors().length).toBe(1);
    },
  );
});
