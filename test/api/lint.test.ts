import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const Create = graphql(`
  mutation LintCreate($input: CreatePromptInput!) {
    createPrompt(input: $input) {
      ... on Prompt {
        latest {
          lint {
            kind
            offset
            messageIndex
            variable
            message
          }
        }
      }
    }
  }
`);

describe('lint', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  async function lintOf(slug: string, content: object) {
    const { createPrompt } = (await server.execute(Create, { input: { slug, content } })).data();
    return 'latest' in createPrompt ? createPrompt.latest.lint : [];
  }

  it('says in the answer of a save what looks unintended, with its place', async () => {
    const template = 'Hi {{name}}, {{<expression>}}';
    const warnings = await lintOf('lint/text', { template, variables: [{ name: 'never' }] });
    expect(warnings).toMatchObject([
      { kind: 'STRAY_BRACES', offset: 13, messageIndex: null, variable: null },
      { kind: 'UNUSED_VARIABLE', offset: null, variable: 'never' },
    ]);
    const chat = {
      messages: [
        { role: 'SYSTEM', content: 'fine' },
        { role: 'USER', content: '{{ }}' },
      ],
    };
    expect(await lintOf('lint/chat', chat)).toMatchObject([
      { kind: 'STRAY_BRACES', offset: 0, messageIndex: 1 },
    ]);
  });

  it('is silent about what is fine', async () => {
    expect(
      await lintOf('lint/fine', { template: '{{a}} \\{{b}} {"x":1}', variables: [{ name: 'a' }] }),
    ).toEqual([]);
  });
});
