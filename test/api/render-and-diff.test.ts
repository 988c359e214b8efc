import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt } from './registry.ts';

const Render = graphql(`
  query RenderAndDiffRender($slug: String!, $variables: JSON, $strict: Boolean) {
    prompt(slug: $slug) {
      latest {
        render(variables: $variables, strict: $strict) {
          __typename
          ... on RenderedPrompt {
            text
            messages {
              role
              content
              name
            }
          }
          ... on VariablesInvalid {
            code
            message
            missing
            unknown
            invalid
          }
        }
      }
    }
  }
`);

const Diff = graphql(`
  query RenderAndDiffDiff($slug: String!, $against: Int!) {
    prompt(slug: $slug) {
      latest {
        diff(against: $against) {
          tooDifferent
          unified
          added
          removed
          variablesAdded
          variablesRemoved
          configChanged
        }
      }
    }
  }
`);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'fields/text', {
    content: {
      template: 'Hi {{name}}, {{tone}} {{undeclared}}',
      config: { temperature: 0.5 },
      variables: [{ name: 'tone' }, { name: 'extra', type: 'NUMBER', required: false }],
    },
  });
  await editPrompt(server, 'fields/text', {
    content: { template: 'Hi {{name}}\nnew line\n', config: { temperature: 1 } },
  });
  await createPrompt(server, 'fields/chat', {
    content: {
      messages: [
        { role: 'SYSTEM', content: 'You are {{who}}.', name: 'sys' },
        { role: 'USER', content: 'Hello' },
      ],
    },
  });
});
afterAll(() => server.close());

describe('render', () => {
  const render = async (slug: string, args: { variables?: unknown; strict?: boolean }) =>
    (await server.execute(Render, { slug, ...args })).data().prompt?.latest.render;

  beforeAll(async () => {
    await createPrompt(server, 'render/text', {
      content: {
        template: '{{a}} {{n}} {{t}}',
        variables: [
          { name: 'n', type: 'NUMBER' },
          { name: 't', default: 'dflt' },
        ],
      },
    });
  });

  it('fills a text, strict unless told otherwise', async () => {
    expect(await render('render/text', { variables: { a: '{{n}}', n: 0 } })).toEqual({
      __typename: 'RenderedPrompt',
      text: '{{n}} 0 dflt',
      messages: null,
    });
    expect(await render('render/text', { variables: { b: 1, n: 'x' } })).toMatchObject({
      __typename: 'VariablesInvalid',
      code: 'VARIABLES_INVALID',
      missing: ['a'],
      unknown: ['b'],
      invalid: ['n'],
    });
    expect(await render('render/text', {})).toMatchObject({ missing: ['a', 'n'], unknown: [], invalid: [] });
  });

  it('leaves what is missing as written and ignores what is unknown when not strict', async () => {
    expect(await render('render/text', { strict: false, variables: { b: 1 } })).toMatchObject({
      text: '{{a}} {{n}} dflt',
    });
  });

  it('fills every message of a chat', async () => {
    expect(await render('fields/chat', { variables: { who: 'Ada' } })).toEqual({
      __typename: 'RenderedPrompt',
      text: null,
      messages: [
        { role: 'SYSTEM', content: 'You are Ada.', name: 'sys' },
        { role: 'USER', content: 'Hello', name: null },
      ],
    });
  });

  it.each([[[]], ['text'], [1], [true]])('refuses variables that are no object: %j', async (variables) => {
    const [error] = (await server.execute(Render, { slug: 'render/text', variables })).errors();
    expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: 'variables' });
  });

  it('takes null as no variables, and own names only', async () => {
    expect(await render('render/text', { variables: null, strict: false })).toMatchObject({
      text: '{{a}} {{n}} dflt',
    });
    const raw =
      '{"query":"{ prompt(slug: \\"render/text\\") { latest { render(variables: {__proto__: 1, a: 1, n: 1}) { ... on VariablesInvalid { unknown } } } } }"}';
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: raw,
    });
    expect(await response.json()).toEqual({
      data: { prompt: { latest: { render: { unknown: ['__proto__'] } } } },
    });
  });
});

describe('diff', () => {
  it('says what changed from the other version to this one', async () => {
    const diff = (await server.execute(Diff, { slug: 'fields/text', against: 1 })).data().prompt?.latest.diff;
    expect(diff).toMatchObject({
      tooDifferent: false,
      variablesAdded: [],
      variablesRemoved: ['tone', 'undeclared', 'extra'],
      configChanged: true,
    });
    expect(diff?.unified).toContain('-Hi {{name}}, {{tone}} {{undeclared}}');
    expect(diff?.unified).toContain('+new line');
  });

  it('is empty against itself', async () => {
    expect(
      (await server.execute(Diff, { slug: 'fields/text', against: 2 })).data().prompt?.latest.diff,
    ).toEqual({
      tooDifferent: false,
      unified: '',
      added: 0,
      removed: 0,
      variablesAdded: [],
      variablesRemoved: [],
      configChanged: false,
    });
  });

  it.each([0, -1, 99, 2_147_483_647])(
    'is an error with a code against version %i, which there is not',
    async (against) => {
      const [error] = (await server.execute(Diff, { slug: 'fields/text', against })).errors();
      expect(error?.extensions?.code).toBe('VERSION_NOT_FOUND');
    },
  );
});
