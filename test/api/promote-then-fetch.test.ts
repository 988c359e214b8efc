import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const Create = graphql(`
  mutation WalkCreate($input: CreatePromptInput!) {
    createPrompt(input: $input) {
      __typename
      ... on Prompt {
        slug
        latest {
          number
          template
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

const Edit = graphql(`
  mutation WalkEdit($input: EditPromptInput!) {
    editPrompt(input: $input) {
      __typename
      ... on PromptVersion {
        number
      }
    }
  }
`);

const Promote = graphql(`
  mutation WalkPromote($input: PromoteVersionInput!) {
    promoteVersion(input: $input) {
      __typename
      ... on Promotion {
        kind
        cursor
        version {
          number
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

describe('the walk of a promotion', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  it('creates, promotes and delivers the promoted version to the very next fetch', async () => {
    const template = 'Hi {{name}}!\r\n';
    const created = await server.execute(Create, { input: { slug: 'walk/one', content: { template } } });
    expect(created.data().createPrompt).toEqual({
      __typename: 'Prompt',
      slug: 'walk/one',
      latest: { number: 1, template },
    });
    expect((await server.get('/v1/prompts/walk/one')).status).toBe(404);

    for (const version of [1, 2, 3]) {
      await server.execute(Edit, {
        input: { slug: 'walk/one', content: { template: `${template}${version}` } },
      });
      const promoted = await server.execute(Promote, { input: { slug: 'walk/one', version } });
      expect(promoted.data().promoteVersion).toMatchObject({
        kind: 'PROMOTION',
        version: { number: version },
      });
      const fetched = await server.get('/v1/prompts/walk/one');
      expect(fetched.status).toBe(200);
      expect(fetched.headers.get('x-promptforge-version')).toBe(String(version));
      const latest = await server.get('/v1/prompts/walk/one?_version=latest');
      expect(await latest.json()).toMatchObject({ version: version + 1, channel: 'latest' });
    }
  });
});
