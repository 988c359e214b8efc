import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PromptOrder } from '../support/gql/graphql.ts';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt } from './registry.ts';

const List = graphql(`
  query PromptPagesList(
    $filter: PromptFilter
    $orderBy: PromptOrder
    $first: Int
    $after: String
    $last: Int
    $before: String
  ) {
    prompts(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
      edges {
        cursor
        node {
          slug
        }
      }
    }
  }
`);

const ORDERS = ['SLUG_ASC', 'UPDATED_DESC', 'CREATED_DESC'] as const;

describe('pages of prompts', () => {
  let pages: TestServer;
  beforeAll(async () => {
    pages = await startTestServer();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await createPrompt(pages, `page/${name}`);
    // Several share their times: only the id tells them apart then.
    await pages.database.query(
      `UPDATE "prompt" SET created_at = '2020-01-02T00:00:00Z', updated_at = '2020-01-02T00:00:00Z'`,
    );
    await pages.database.query(
      `UPDATE "prompt" SET created_at = '2020-01-01T00:00:00Z', updated_at = '2020-01-03T00:00:00Z' WHERE slug IN ('page/c', 'page/d')`,
    );
  });
  afterAll(() => pages.close());

  async function page(variables: {
    orderBy: PromptOrder;
    first?: number;
    after?: string | null;
    last?: number;
    before?: string | null;
  }) {
    return (await pages.execute(List, { filter: { folder: 'page' }, ...variables })).data().prompts;
  }

  async function whole(orderBy: PromptOrder): Promise<string[]> {
    return (await page({ orderBy, first: 100 })).edges.map(({ node }) => node.slug);
  }

  it.each(ORDERS)(
    'list every row once, forward and backward, while rows are added between pages: %s',
    async (orderBy) => {
      const before = await whole(orderBy);
      const forward: string[] = [];
      let after: string | null = null;
      for (let round = 0; ; round += 1) {
        const { edges, pageInfo } = await page({ orderBy, first: 2, ...(after === null ? {} : { after }) });
        forward.push(...edges.map(({ node }) => node.slug));
        expect(pageInfo.hasPreviousPage).toBe(after !== null);
        if (!pageInfo.hasNextPage) break;
        after = pageInfo.endCursor ?? null;
        // One behind the reader and one before it in order of slugs; new in both other orders.
        await createPrompt(pages, `page/0${orderBy.toLowerCase()}-${round}`);
        await createPrompt(pages, `page/${'z'.repeat(round + 1)}${orderBy.toLowerCase()}`);
        if (round > 20) throw new Error('the pages never end');
      }
      expect(new Set(forward).size).toBe(forward.length);
      expect(forward.filter((slug) => before.includes(slug))).toEqual(before);

      const now = await whole(orderBy);
      const backward: string[] = [];
      let until: string | null = null;
      for (;;) {
        const { edges, pageInfo } = await page({
          orderBy,
          last: 3,
          ...(until === null ? {} : { before: until }),
        });
        backward.unshift(...edges.map(({ node }) => node.slug));
        expect(pageInfo.hasNextPage).toBe(until !== null);
        if (!pageInfo.hasPreviousPage) break;
        until = pageInfo.startCursor ?? null;
      }
      expect(backward).toEqual(now);
    },
  );

  it('begin with the newest when ordered by time, and the saved one moves to the front', async () => {
    await createPrompt(pages, 'page/newest');
    expect((await whole('CREATED_DESC'))[0]).toBe('page/newest');
    await editPrompt(pages, 'page/a', { content: { template: 'again' } });
    expect((await whole('UPDATED_DESC'))[0]).toBe('page/a');
    expect((await whole('CREATED_DESC'))[0]).toBe('page/newest');
  });

  it('can be cut at both ends', async () => {
    const all = (await page({ orderBy: 'SLUG_ASC', first: 100 })).edges;
    const [from, to] = [all[1], all[5]];
    if (from === undefined || to === undefined) throw new Error('too few rows');
    const inner = all.slice(2, 5).map(({ node }) => node.slug);
    const forward = await page({ orderBy: 'SLUG_ASC', first: 100, after: from.cursor, before: to.cursor });
    expect(forward.edges.map(({ node }) => node.slug)).toEqual(inner);
    const backward = await page({ orderBy: 'SLUG_ASC', last: 2, after: from.cursor, before: to.cursor });
    expect(backward.edges.map(({ node }) => node.slug)).toEqual(inner.slice(1));
    expect(backward.pageInfo.hasPreviousPage).toBe(true);
  });

  it('may be empty: size 0 has rows before and after it, and no cursors', async () => {
    const { edges, totalCount, pageInfo } = await page({ orderBy: 'SLUG_ASC', first: 0 });
    expect({ edges, pageInfo }).toEqual({
      edges: [],
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
    expect(totalCount).toBeGreaterThan(6);
  });

  it('hold 20 rows unless a size is given', async () => {
    for (let n = 0; n < 15; n += 1) await createPrompt(pages, `page/more-${n}`);
    expect((await page({ orderBy: 'SLUG_ASC' })).edges).toHaveLength(20);
  });

  it('refuse a cursor of another order', async () => {
    const { pageInfo } = await page({ orderBy: 'CREATED_DESC', first: 1 });
    const answer = await pages.execute(List, { orderBy: 'UPDATED_DESC', after: pageInfo.endCursor ?? null });
    expect(answer.errors()[0]?.extensions?.code).toBe('BAD_CURSOR');
  });
});
