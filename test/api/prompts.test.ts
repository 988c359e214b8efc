import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PromptFilter } from '../support/gql/graphql.ts';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createOtherWorkspace, createPrompt, editPrompt } from './registry.ts';

const List = graphql(`
  query PromptsList($filter: PromptFilter, $first: Int) {
    prompts(filter: $filter, first: $first) {
      totalCount
      edges {
        node {
          slug
        }
      }
    }
  }
`);

const One = graphql(`
  query PromptsOne($slug: String!) {
    prompt(slug: $slug) {
      id
      slug
      kind
      description
      tags
      owner
      createdAt
      updatedAt
      archivedAt
      latest {
        number
        template
      }
    }
  }
`);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createOtherWorkspace(server);
});
afterAll(() => server.close());

async function slugs(filter?: PromptFilter | null): Promise<string[]> {
  const { prompts } = (await server.execute(List, { filter: filter ?? null, first: 100 })).data();
  expect(prompts.totalCount).toBe(prompts.edges.length);
  return prompts.edges.map(({ node }) => node.slug);
}

describe('the filters of prompts', () => {
  beforeAll(async () => {
    await createPrompt(server, 'support/assistant', {
      description: 'Answers Customers',
      tags: ['demo', 'Support'],
      owner: 'support team',
    });
    await createPrompt(server, 'support/deep/refund', {
      tags: ['demo'],
      owner: 'ada',
      content: { template: 'Save 100% today' },
    });
    await createPrompt(server, 'support-old/bot', {
      content: { template: 'a path C:\\temp and snake_case' },
    });
    await createPrompt(server, 'support0', { content: { template: 'snakeXcase and 1000 today, C:temp' } });
    await createPrompt(server, 'sizes', {
      content: {
        messages: [
          { role: 'SYSTEM', content: 'Die GRÖSSE der Kiste' },
          { role: 'USER', content: 'größe' },
        ],
      },
    });
    await createPrompt(server, 'old/retired', {
      tags: ['demo'],
      owner: 'ada',
      content: { template: 'Customers of yesterday' },
    });
    await server.execute('mutation { archivePrompt(input: { slug: "old/retired" }) { __typename } }');
  });

  it.each<[string, PromptFilter | null, string[]]>([
    [
      'no filter: the active ones',
      null,
      ['sizes', 'support-old/bot', 'support/assistant', 'support/deep/refund', 'support0'],
    ],
    ['archived only', { archived: true }, ['old/retired']],
    ['archived or not', { archived: null, search: 'customers' }, ['old/retired', 'support/assistant']],
    [
      'a folder, with what lies deeper, and no sibling that begins alike',
      { folder: 'support' },
      ['support/assistant', 'support/deep/refund'],
    ],
    ['a folder written as a pattern', { folder: 'support/*' }, ['support/assistant', 'support/deep/refund']],
    ['a folder below a folder', { folder: 'support/deep' }, ['support/deep/refund']],
    ['a folder that is a prompt', { folder: 'sizes' }, []],
    ['a tag, exactly', { tag: 'demo' }, ['support/assistant', 'support/deep/refund']],
    ['a tag in another case', { tag: 'support' }, []],
    ['an owner, exactly', { owner: 'ada' }, ['support/deep/refund']],
    ['a part of an owner', { owner: 'ad' }, []],
    [
      'several conditions together',
      { tag: 'demo', owner: 'support team', search: 'assist' },
      ['support/assistant'],
    ],
    ['a part of the slug', { search: 'fund' }, ['support/deep/refund']],
    ['a part of the description in another case', { search: 'ANSWERS cust' }, ['support/assistant']],
    ['one or two characters', { search: 'C:' }, ['support-old/bot', 'support0']],
    ['a percent sign as itself', { search: '100%' }, ['support/deep/refund']],
    ['an underscore as itself', { search: 'snake_case' }, ['support-old/bot']],
    ['a backslash as itself', { search: 'C:\\temp' }, ['support-old/bot']],
    ['what would be an escape in LIKE', { search: '\\%' }, []],
    ['letters beyond ASCII in lower case', { search: 'grösse' }, ['sizes']],
    ['letters beyond ASCII in upper case, in a later message', { search: 'GRÖß' }, ['sizes']],
    ['a quote', { search: "'; DROP TABLE prompt; --" }, []],
    ['nothing of another workspace', { search: 'secret' }, []],
    ['an empty search', { search: '', folder: 'support/deep' }, ['support/deep/refund']],
  ])('lists %s', async (_what, filter, expected) => {
    expect(await slugs(filter)).toEqual(expected);
  });

  it('searches the newest text only, as soon as it is saved', async () => {
    await createPrompt(server, 'moving/text', { content: { template: 'zebra crossing' } });
    expect(await slugs({ search: 'ZEBRA' })).toEqual(['moving/text']);
    await editPrompt(server, 'moving/text', { content: { template: 'giraffe' } });
    expect(await slugs({ search: 'zebra' })).toEqual([]);
    expect(await slugs({ search: 'raff' })).toEqual(['moving/text']);
    await server.execute(
      'mutation { updatePrompt(input: { slug: "moving/text", newSlug: "moved/okapi", description: "Quagga" }) { __typename } }',
    );
    expect(await slugs({ search: 'okapi' })).toEqual(['moved/okapi']);
    expect(await slugs({ search: 'quagga' })).toEqual(['moved/okapi']);
  });

  it.each(['search', 'folder', 'tag', 'owner'] as const)(
    'refuses a filter of more than 200 characters: %s',
    async (field) => {
      const [error] = (await server.execute(List, { filter: { [field]: 'x'.repeat(201) } })).errors();
      expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: `filter.${field}` });
    },
  );
});

describe('prompt', () => {
  it('answers with everything that was given', async () => {
    await createPrompt(server, 'one/full', {
      description: 'd',
      tags: ['b', 'a'],
      owner: 'o',
      content: { template: 't' },
    });
    const { prompt } = (await server.execute(One, { slug: 'one/full' })).data();
    expect(prompt).toMatchObject({
      slug: 'one/full',
      kind: 'TEXT',
      description: 'd',
      tags: ['b', 'a'],
      owner: 'o',
      archivedAt: null,
      latest: { number: 1, template: 't' },
    });
    expect(prompt?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it.each(['no/such', '', '..', 'UPPER', 'a//b', 'secret/plan', 'x'.repeat(5_000)])(
    'is null for %j',
    async (slug) => {
      expect((await server.execute(One, { slug })).data().prompt).toBeNull();
    },
  );
});
