import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFollower } from '../support/follower.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { createPrompt, promote } from './registry.ts';

const OPERATOR_KEY = 'operator-key-of-the-workspaces-test';
const ADMIN_KEY = 'admin-key-of-the-workspaces-test-0';
const PATIENCE = { timeout: 15_000, interval: 20 };

let database: TestDatabase;
let nodes: TestServer[];
let server: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  const config = { operatorKey: OPERATOR_KEY, adminKey: ADMIN_KEY };
  nodes = [await startTestServer({ database, config }), await startTestServer({ database, config })];
  const [first] = nodes;
  if (first === undefined) throw new Error('no node');
  server = first;
});
afterAll(async () => {
  for (const node of nodes) await node.close();
  await database.drop();
});

async function operate<T = Record<string, unknown>>(query: string, node = server): Promise<T> {
  return (await node.execute(query, {}, { key: OPERATOR_KEY })).data() as T;
}

async function createWorkspace(slug: string): Promise<TestServer> {
  const { createWorkspace: created } = await operate<{ createWorkspace: { adminKey: string } }>(
    `mutation { createWorkspace(input: { slug: "${slug}", name: "Name of ${slug}" }) { __typename ... on CreatedWorkspace { workspace { slug name } adminKey } } }`,
  );
  return seenBy(created.adminKey);
}

/** The server as the holder of a key sees it. */
function seenBy(adminKey: string, node = server): TestServer {
  return {
    ...node,
    adminKey,
    execute: (document, variables, { key = adminKey } = {}) => node.execute(document, variables, { key }),
    get: (path, headers = {}) => node.get(path, { authorization: `Bearer ${adminKey}`, ...headers }),
  };
}

const deletion = (slug: string, confirm = slug) =>
  `mutation { deleteWorkspace(input: { slug: "${slug}", confirm: "${confirm}" }) { __typename ... on DeletedWorkspace { slug name prompts versions events } ... on Error { code message } } }`;

describe('an operator', () => {
  it('creates a workspace, whose first admin key works at once, on every node', async () => {
    const acme = await createWorkspace('acme');
    await createPrompt(acme, 'support/one');
    await promote(acme, 'support/one', 1);
    expect((await acme.get('/v1/prompts/support/one')).status).toBe(200);
    for (const node of nodes)
      expect(
        (
          await seenBy(acme.adminKey, node).execute(
            '{ viewer { role scopes workspace { slug name } } channels { name } }',
          )
        ).data(),
      ).toMatchObject({
        viewer: { role: 'ADMIN', workspace: { slug: 'acme', name: 'Name of acme' } },
        channels: [{ name: 'latest' }, { name: 'stable' }],
      });
  });

  it('lists workspaces by slug, itself left out, and renames one', async () => {
    await createWorkspace('beta');
    const renamed = await operate(
      'mutation { renameWorkspace(input: { slug: "beta", newSlug: "gamma", name: "Gamma" }) { ... on Workspace { slug name } ... on Error { code } } }',
    );
    expect(renamed).toEqual({ renameWorkspace: { slug: 'gamma', name: 'Gamma' } });
    const listed = await operate('{ workspaces(first: 100) { totalCount edges { node { slug } } } }');
    expect(listed).toEqual({
      workspaces: { totalCount: 3, edges: ['acme', 'default', 'gamma'].map((slug) => ({ node: { slug } })) },
    });
  });

  it.each([
    ['createWorkspace(input: { slug: "acme", name: "x" })', 'WORKSPACE_SLUG_TAKEN'],
    ['createWorkspace(input: { slug: "$operator", name: "x" })', 'INVALID_INPUT'],
    ['createWorkspace(input: { slug: "A", name: "x" })', 'INVALID_INPUT'],
    ['createWorkspace(input: { slug: "x", name: "x" })', 'INVALID_INPUT'],
    ['createWorkspace(input: { slug: "fine", name: " " })', 'INVALID_INPUT'],
    ['renameWorkspace(input: { slug: "gamma", newSlug: "acme" })', 'WORKSPACE_SLUG_TAKEN'],
    ['renameWorkspace(input: { slug: "default", newSlug: "mine" })', 'INVALID_INPUT'],
    ['renameWorkspace(input: { slug: "$operator", newSlug: "mine" })', 'INVALID_INPUT'],
    ['renameWorkspace(input: { slug: "nowhere", newSlug: "mine" })', 'NOT_FOUND'],
    ['renameWorkspace(input: { slug: "\\u0000", newSlug: "mine" })', 'NOT_FOUND'],
    ['deleteWorkspace(input: { slug: "acme", confirm: "acm" })', 'INVALID_INPUT'],
    ['deleteWorkspace(input: { slug: "default", confirm: "default" })', 'INVALID_INPUT'],
    ['deleteWorkspace(input: { slug: "$operator", confirm: "$operator" })', 'INVALID_INPUT'],
    ['deleteWorkspace(input: { slug: "nowhere", confirm: "nowhere" })', 'NOT_FOUND'],
  ])('is refused %s', async (mutation, code) => {
    const before = await operate('{ events { totalCount } workspaces { totalCount } }');
    expect(Object.values(await operate(`mutation { ${mutation} { ... on Error { code } } }`))).toEqual([
      { code },
    ]);
    expect(await operate('{ events { totalCount } workspaces { totalCount } }')).toEqual(before);
  });

  it('sees into no workspace: every other field refuses', async () => {
    const fields = [
      'prompt(slug: "a/b") { slug }',
      'prompts { totalCount }',
      'channel(name: "stable") { name }',
      'channels { name }',
      'node(id: "x") { id }',
      'nodes(ids: []) { id }',
    ];
    for (const field of fields) {
      const errors = (await server.execute(`{ ${field} }`, {}, { key: OPERATOR_KEY })).errors();
      expect(
        errors.map(({ extensions }) => extensions?.code),
        field,
      ).toEqual(['FORBIDDEN']);
    }
    const created = await operate(
      'mutation { createPrompt(input: { slug: "a/b", content: { template: "x" } }) { ... on Error { code } } }',
    );
    expect(created).toEqual({ createPrompt: { code: 'FORBIDDEN' } });
    const rest = await server.get('/v1/prompts/support/one', { authorization: `Bearer ${OPERATOR_KEY}` });
    expect(rest.status).toBe(403);
    const heads = (
      await server.execute('{ workspaces { edges { node { headCursor } } } }', {}, { key: OPERATOR_KEY })
    ).errors();
    expect(heads[0]?.extensions?.code).toBe('FORBIDDEN');
  });

  it('knows itself, reads what operators did, and the figures of a node', async () => {
    expect(
      await operate('{ viewer { role scopes actor { name } workspace { slug } } workspace { slug } }'),
    ).toEqual({
      viewer: {
        role: 'OPERATOR',
        scopes: ['workspaces:manage'],
        actor: { name: 'PROMPTFORGE_OPERATOR_KEY' },
        workspace: { slug: '$operator' },
      },
      workspace: { slug: '$operator' },
    });
    const { events } = await operate<{ events: { edges: { node: { type: string; payload: object } }[] } }>(
      '{ events(filter: { types: ["WorkspaceRenamed"] }) { edges { node { type payload } } } }',
    );
    expect(events.edges[0]?.node.payload).toMatchObject({
      before: { slug: 'beta', name: 'Name of beta' },
      after: { slug: 'gamma', name: 'Gamma' },
    });
    expect((await server.get('/metrics', { authorization: `Bearer ${OPERATOR_KEY}` })).status).toBe(200);
  });
});

describe('an admin of a workspace', () => {
  it('operates nothing, not even its own workspace, and does not read the figures of the node', async () => {
    const acme = await createWorkspace('tenant');
    for (const mutation of [
      'createWorkspace(input: { slug: "mine", name: "x" })',
      'renameWorkspace(input: { slug: "tenant", newSlug: "mine" })',
      'deleteWorkspace(input: { slug: "tenant", confirm: "tenant" })',
    ])
      expect(
        Object.values(
          (await acme.execute(`mutation { ${mutation} { ... on Error { code } } }`)).data() as object,
        ),
      ).toEqual([{ code: 'FORBIDDEN' }]);
    expect((await acme.execute('{ workspaces { totalCount } }')).errors()[0]?.extensions?.code).toBe(
      'FORBIDDEN',
    );
    expect((await acme.get('/metrics')).status).toBe(403);
    const { events } = (await acme.execute('{ events { edges { node { type } } } }')).data() as {
      events: { edges: { node: { type: string } }[] };
    };
    expect(events.edges.map(({ node }) => node.type)).toEqual([
      'ApiKeyCreated',
      'ChannelCreated',
      'ChannelCreated',
      'WorkspaceCreated',
    ]);
  });
});

describe('a workspace that is deleted', () => {
  it('is gone with its data, streams, keys and what nodes hold of it, while others are written and followed', async () => {
    const doomed = await createWorkspace('doomed');
    const standing = await createWorkspace('standing');
    for (const workspace of [doomed, standing]) {
      await createPrompt(workspace, 'load/one');
      await promote(workspace, 'load/one', 1);
      await workspace.get('/v1/prompts/load/one');
    }
    const followers = await Promise.all(
      nodes.map((node) => openFollower(seenBy(doomed.adminKey, node), 'bookmarks: true')),
    );
    const other = await openFollower(standing, 'mode: ALL');
    for (const follower of followers) await follower.next();
    const writing = [write(doomed), write(doomed), write(standing)];
    await expect.poll(() => countOf('prompt_version', 'doomed'), PATIENCE).toBeGreaterThan(3);

    // Counted in memory, and stored by the next flush: when the workspace is gone already.
    for (const workspace of [doomed, standing]) await workspace.get('/v1/prompts/load/one?_version=1');
    expect(await operate(deletion('doomed'))).toMatchObject({
      deleteWorkspace: { slug: 'doomed', prompts: 1 },
    });

    for (const { socket } of followers) expect((await socket.closed).code).toBe(4403);
    for (const node of nodes)
      await expect
        .poll(async () => (await seenBy(doomed.adminKey, node).get('/v1/prompts/load/one')).status, PATIENCE)
        .toBe(401);
    await Promise.all(writing.slice(0, 2).map(({ ended }) => ended));
    // Who was not concerned goes on, and hears of it.
    await promote(standing, 'load/one', 1);
    expect(await other.nextEvent()).toMatchObject({ __typename: 'VersionPromoted', slug: 'load/one' });
    writing[2]?.stop();
    await writing[2]?.ended;
    await expect.poll(() => countOf('version_usage', 'standing'), PATIENCE).toBeGreaterThan(1);
    await rowsOfNobody();
    for (const node of nodes) {
      expect(node.logged.filter(({ level }) => level >= 50)).toEqual([]);
      expect(await (await fetch(`${node.url}/readyz`)).json()).toMatchObject({ ready: true, reasons: [] });
    }
  });

  it('leaves its slug free, and at the operators a record of what went', async () => {
    const { events } = await operate<{
      events: { edges: { node: { payload: { counts: { versions: number } } } }[] };
    }>('{ events(filter: { types: ["WorkspaceDeleted"] }) { edges { node { payload } } } }');
    expect(events.edges[0]?.node.payload).toMatchObject({ slug: 'doomed', name: 'Name of doomed' });
    expect(events.edges[0]?.node.payload.counts.versions).toBeGreaterThan(3);
    const again = await createWorkspace('doomed');
    expect((await again.execute('{ prompts { totalCount } }')).data()).toEqual({
      prompts: { totalCount: 0 },
    });
  });
});

/** Saves again and again until it is refused, or stopped. */
function write(workspace: TestServer) {
  const stopping = new AbortController();
  const save = async () => {
    const answer = await workspace.execute(
      'mutation { editPrompt(input: { slug: "load/one", content: { template: "again" } }) { __typename } }',
    );
    return answer.status === 200 && JSON.stringify(answer.data()).includes('PromptVersion');
  };
  const loop = async () => {
    let goesOn = true;
    while (goesOn && !stopping.signal.aborted) goesOn = await save().catch(() => false);
  };
  return { ended: loop(), stop: () => stopping.abort() };
}

async function countOf(table: string, slug: string): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM "${table}" t JOIN "workspace" w ON w.id = t.workspace_id WHERE w.slug = $1`,
    [slug],
  );
  return row?.count ?? 0;
}

/** No table holds a row of a workspace that is not there: what nodes counted meanwhile is let go. */
async function rowsOfNobody(): Promise<void> {
  const tables = await database.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'workspace_id'`,
  );
  expect(tables.length).toBeGreaterThan(12);
  const orphans = tables.map(
    ({ name }) =>
      `SELECT '${name}' AS name FROM "${name}" t WHERE NOT EXISTS (SELECT 1 FROM "workspace" w WHERE w.id = t.workspace_id)`,
  );
  expect(await database.query(orphans.join(' UNION ALL '))).toEqual([]);
}
