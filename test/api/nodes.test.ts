import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createOtherWorkspace, createPrompt, promote } from './registry.ts';

const Node = graphql(`
  query NodesNode($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Prompt {
        slug
      }
      ... on Channel {
        name
      }
      ... on PromptVersion {
        number
      }
      ... on Promotion {
        kind
      }
      ... on Event {
        seq
      }
      ... on Workspace {
        headCursor
      }
    }
  }
`);

const Nodes = graphql(`
  query NodesNodes($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      id
    }
  }
`);

const Everything = graphql(`
  query NodesEverything {
    workspace {
      id
    }
    channel(name: "stable") {
      id
    }
    prompt(slug: "node/one") {
      id
      latest {
        id
      }
      promotions(first: 1) {
        edges {
          node {
            id
          }
        }
      }
    }
    events(first: 1) {
      edges {
        node {
          id
        }
      }
    }
  }
`);

const TYPES = ['Channel', 'Event', 'Prompt', 'PromptVersion', 'Promotion', 'Workspace'] as const;
const UNKNOWN = '018f0000-0000-7000-8000-000000000000';

function globalId(type: string, inner: string): string {
  return Buffer.from(`${type}:${inner}`).toString('base64');
}

let server: TestServer;
let ids: Readonly<Record<(typeof TYPES)[number], string>>;
/** Ids of the other workspace, one of every type. */
let foreign: string[];

beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'node/one');
  await promote(server, 'node/one', 1);
  const { workspaceId } = await createOtherWorkspace(server);
  const data = (await server.execute(Everything)).data();
  ids = {
    Workspace: data.workspace.id,
    Channel: data.channel?.id ?? '',
    Prompt: data.prompt?.id ?? '',
    PromptVersion: data.prompt?.latest.id ?? '',
    Promotion: data.prompt?.promotions.edges[0]?.node.id ?? '',
    Event: data.events.edges[0]?.node.id ?? '',
  };
  const tables = {
    Channel: 'channel',
    Prompt: 'prompt',
    PromptVersion: 'prompt_version',
    Promotion: 'promotion',
  };
  const rows = await Promise.all(
    Object.entries(tables).map(async ([type, table]) => {
      const [row] = await server.database.query<{ id: string }>(
        `SELECT id FROM "${table}" WHERE workspace_id = $1 LIMIT 1`,
        [workspaceId],
      );
      return globalId(type, row?.id ?? '');
    }),
  );
  foreign = [globalId('Workspace', workspaceId), ...rows];
  // Sequences are per workspace: one that only the other one has.
  const { totalCount } = (
    (await server.execute('{ events { totalCount } }')).data() as { events: { totalCount: number } }
  ).events;
  foreign.push(globalId('Event', String(totalCount + 1)));
});
afterAll(() => server.close());

describe('node', () => {
  it.each(TYPES)('answers with the %s behind its id', async (type) => {
    const { node } = (await server.execute(Node, { id: ids[type] })).data();
    expect(node).toMatchObject({ __typename: type, id: ids[type] });
  });

  it("answers null for every type's id of another workspace, byte for byte as for an unknown id", async () => {
    expect(foreign).toHaveLength(TYPES.length);
    for (const id of foreign) {
      const answer = await server.execute(Node, { id });
      expect(answer.data(), id).toEqual({ node: null });
    }
    const texts = await Promise.all([...foreign, globalId('Prompt', UNKNOWN)].map((id) => rawAnswer(id)));
    expect(new Set(texts)).toEqual(new Set(['{"data":{"node":null}}']));
  });

  it.each([
    '',
    'garbage',
    '%%%',
    'Prompt:1',
    globalId('Prompt', ''),
    globalId('Prompt', 'not-a-uuid'),
    globalId('Prompt', UNKNOWN),
    globalId('Prompt', `${UNKNOWN}:more`),
    globalId('Prompt', `${UNKNOWN}\u0000`),
    globalId('Prompt', UNKNOWN.toUpperCase()),
    globalId('Event', '0'),
    globalId('Event', '-1'),
    globalId('Event', '1.5'),
    globalId('Event', UNKNOWN),
    globalId('Event', '9'.repeat(18)),
    globalId('Event', '9'.repeat(40)),
    globalId('ApiKey', UNKNOWN),
    globalId('ChannelPointer', UNKNOWN),
    globalId('__proto__', UNKNOWN),
    globalId('constructor', UNKNOWN),
    globalId('Workspace', UNKNOWN),
    'x'.repeat(100_000),
    '\u0000',
    '\u{1F600}',
  ])('answers null for the id %#', async (id) => {
    expect((await server.execute(Node, { id })).data()).toEqual({ node: null });
  });

  it("answers null for an id whose inside is another type's", async () => {
    const inner = Buffer.from(ids.Prompt, 'base64').toString().split(':')[1] ?? '';
    for (const type of TYPES.filter((other) => other !== 'Prompt')) {
      expect((await server.execute(Node, { id: globalId(type, inner) })).data(), type).toEqual({
        node: null,
      });
    }
  });
});

describe('nodes', () => {
  it('answers in the order of the ids, repeated ones too, with null for what is unknown, foreign or garbage', async () => {
    const asked = [ids.Prompt, 'garbage', ids.Event, ...foreign, ids.Prompt, ids.Channel];
    const { nodes } = (await server.execute(Nodes, { ids: asked })).data();
    expect(nodes.map((node) => node?.id ?? null)).toEqual([
      ids.Prompt,
      null,
      ids.Event,
      ...foreign.map(() => null),
      ids.Prompt,
      ids.Channel,
    ]);
  });

  it('takes 0 to 100 ids and refuses more', async () => {
    expect((await server.execute(Nodes, { ids: [] })).data()).toEqual({ nodes: [] });
    const hundred = Array.from({ length: 100 }, () => ids.PromptVersion);
    expect((await server.execute(Nodes, { ids: hundred })).data().nodes).toHaveLength(100);
    const [error] = (await server.execute(Nodes, { ids: [...hundred, ids.Prompt] })).errors();
    expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: 'ids' });
  });
});

async function rawAnswer(id: string): Promise<string> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id } }),
  });
  return response.text();
}
