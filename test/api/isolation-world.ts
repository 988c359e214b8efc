import { v7 } from 'uuid';
import type { Grant } from '../../src/domain/actor.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

const OPERATOR_KEY = 'operator-key-of-the-isolation-suite';
const B_NAME = 'actor-of-b';

export type Kind = keyof Awaited<ReturnType<typeof valuesOf>>;

/** What only B has, and as many of the same kind and length that nobody has, in the same order. */
interface Values {
  readonly foreign: readonly string[];
  readonly unknown: readonly string[];
}

/** Two workspaces on one server, with a prompt of the same slug each, so that whatever is looked up without its workspace shows. */
export interface World {
  readonly server: TestServer;
  /** Keys of A, by what they are. */
  readonly keys: Readonly<Record<'admin' | 'service' | 'limited', string>>;
  readonly keyOfB: string;
  readonly values: Readonly<Record<Kind, Values>>;
  close(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  const server = await startTestServer({ config: { operatorKey: OPERATOR_KEY } });
  const created = await server.execute(
    'mutation { createWorkspace(input: { slug: "workspace-b", name: "B" }) { ... on CreatedWorkspace { adminKey } } }',
    {},
    { key: OPERATOR_KEY },
  );
  const { adminKey: keyOfB } = (created.data() as { createWorkspace: { adminKey: string } }).createWorkspace;
  const b: TestServer = {
    ...server,
    adminKey: keyOfB,
    execute: (document, variables, { key = keyOfB } = {}) => server.execute(document, variables, { key }),
  };
  await server.database.query(
    `UPDATE "api_key" SET name = $1 WHERE workspace_id <> (SELECT id FROM "workspace" WHERE slug = 'default')`,
    [B_NAME],
  );
  await fill(server, 'A', ['shared/one', 'shared/two']);
  await fill(b, 'B', [
    'shared/one',
    'shared/two',
    'secret/plan',
    'secret/past',
    'secret/made',
    'secret/file',
  ]);
  const limited = await server.createKey('VIEWER');
  await server.database.query('UPDATE "api_key" SET prompts = $2 WHERE id = $1', [
    limited.id,
    '["shared/*"]',
  ]);
  const keys = {
    admin: server.adminKey,
    service: (await server.createKey('SERVICE' satisfies Grant['role'])).key,
    limited: limited.key,
  };
  return { server, keys, keyOfB, values: await valuesOf(b), close: () => server.close() };
}

/** B has more of everything than A: a place of its log is none of A's. */
async function fill(server: TestServer, whose: 'A' | 'B', slugs: readonly string[]): Promise<void> {
  const ofB = whose === 'B';
  for (const slug of slugs) {
    const facts = ofB && slug.startsWith('secret') ? { owner: 'owner-of-b', tags: ['tag-of-b'] } : {};
    await createPrompt(server, slug, { content: { template: `${slug} of ${whose}` }, ...facts });
    await promote(server, slug, 1);
  }
  if (!ofB) return;
  for (const name of ['channel-b', 'madeby-b'])
    await server.execute(
      'mutation ($name: String!) { createChannel(input: { name: $name }) { __typename } }',
      { name },
    );
  await promote(server, 'shared/one', 1, { channel: 'channel-b' });
  await server.execute(
    'mutation { withdrawPrompt(input: { slug: "shared/two", channel: "stable", idempotencyKey: "key-of-b" }) { __typename } }',
  );
  for (const mutation of [
    'createPrompt(input: { slug: "by/key", content: { template: "of B" }, idempotencyKey: "key-of-b" })',
    'editPrompt(input: { slug: "by/key", content: { template: "of B, again" }, idempotencyKey: "key-of-b" })',
    'promoteVersion(input: { slug: "by/key", version: 1, idempotencyKey: "key-of-b" })',
    'promoteVersions(input: { channel: "stable", items: [{ slug: "by/key", version: 2 }], idempotencyKey: "key-of-b" })',
    'rollbackChannel(input: { slug: "by/key", idempotencyKey: "key-of-b" })',
  ])
    await server.execute(`mutation { ${mutation} { __typename } }`);
  await server.execute(
    'mutation { requestPromotion(input: { slug: "secret/plan", version: 1, channel: "channel-b", reason: "of B", idempotencyKey: "key-of-b" }) { __typename } }',
  );
  // What A does in the course of the suite must not reach the newest of B's numbers.
  await server.database.query(
    `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
     SELECT id, 'WorkspaceRenamed', 'API_KEY', 'b', $1, '{}' FROM "workspace", generate_series(1, 1000) WHERE slug = 'workspace-b'`,
    [B_NAME],
  );
  await server.database.query(
    `INSERT INTO "member" (workspace_id, id, issuer, subject, name, claimed_role, created_at, last_seen_at)
     SELECT id, gen_random_uuid(), 'https://issuer.example', 'b', 'member of B', 'VIEWER', now(), now() FROM "workspace" WHERE slug = 'workspace-b'`,
  );
}

interface Page {
  readonly edges: readonly { readonly node: { readonly id: string; readonly cursor: string } }[];
  readonly pageInfo: { readonly endCursor: string };
}

const PAGE = 'edges { node { id } } pageInfo { endCursor }';

async function valuesOf(b: TestServer) {
  const data = (
    await b.execute(
      `{ workspace { id headCursor } channel(name: "channel-b") { id serving { ${PAGE.replace('edges { node { id } } ', '')} } }
         prompts { ${PAGE} } events(last: 1) { edges { node { id } } pageInfo { endCursor } } newest: events(first: 1) { ${PAGE} }
         apiKeys { ${PAGE} } members { ${PAGE} } promotionRequests { ${PAGE} }
         prompt(slug: "secret/plan") { id latest { id } versions { ${PAGE} } promotions { ${PAGE} } } }`,
    )
  ).data() as {
    workspace: { id: string; headCursor: string };
    channel: { id: string; serving: Page };
    prompts: Page;
    newest: Page;
    apiKeys: Page;
    members: Page;
    promotionRequests: Page;
    prompt: { id: string; latest: { id: string }; versions: Page; promotions: Page };
  };
  const { workspace, channel, prompt, prompts, newest, apiKeys, members, promotionRequests } = data;
  const first = ({ edges: [edge] }: Page) => edge?.node.id ?? '';
  const nodes = [
    prompt.id,
    prompt.latest.id,
    channel.id,
    workspace.id,
    prompt.promotions.edges[0]?.node.id ?? '',
    first(newest),
    first(apiKeys),
    first(members),
    first(promotionRequests),
  ];
  return {
    slug: pair('secret/plan', 'nobody/none'),
    newSlug: pair('secret/made', 'nobody/made'),
    renamedSlug: pair('secret/past', 'nobody/past'),
    importedSlug: pair('secret/file', 'nobody/file'),
    folder: pair('secret', 'nobody'),
    owner: pair('owner-of-b', 'owner-of-n'),
    tag: pair('tag-of-b', 'tag-of-n'),
    search: pair('plan of B', 'plan of N'),
    actorName: pair(B_NAME, 'actor-of-n'),
    eventType: pair('VersionWithdrawn', 'VersionVanishing_'.slice(0, 16)),
    channel: pair('channel-b', 'channel-n'),
    newChannel: pair('madeby-b', 'madeby-n'),
    workspaceSlug: pair('workspace-b', 'workspace-n'),
    idempotencyKey: pair('key-of-b', 'key-of-n'),
    node: { foreign: nodes, unknown: nodes.map(unknownNode) },
    apiKeyNode: pair(first(apiKeys), unknownNode(first(apiKeys))),
    memberNode: pair(first(members), unknownNode(first(members))),
    requestNode: pair(first(promotionRequests), unknownNode(first(promotionRequests))),
    apiKeyCursor: cursorLike(apiKeys.pageInfo.endCursor),
    memberCursor: cursorLike(members.pageInfo.endCursor),
    requestCursor: cursorLike(promotionRequests.pageInfo.endCursor),
    promptCursor: cursorLike(prompts.pageInfo.endCursor),
    eventCursor: cursorLike(newest.pageInfo.endCursor),
    versionCursor: cursorLike(prompt.versions.pageInfo.endCursor),
    promotionCursor: cursorLike(prompt.promotions.pageInfo.endCursor),
    servingCursor: cursorLike(channel.serving.pageInfo.endCursor),
    subscriberCursor: cursorLike(encode(['subscribers', new Date().toISOString(), v7(), v7()])),
    workspaceCursor: cursorLike(encode(['workspaces', 'workspace-b'])),
    feedCursor: pair(workspace.headCursor, otherHash(workspace.headCursor)),
  };
}

function pair(foreign: string, unknown: string): Values {
  if (foreign.length !== unknown.length) throw new Error(`${foreign} and ${unknown} differ in length`);
  return { foreign: [foreign], unknown: [unknown] };
}

/** The same type, and an id that nobody has. */
function unknownNode(globalId: string): string {
  const [type = '', id = ''] = Buffer.from(globalId, 'base64').toString().split(':');
  return Buffer.from(`${type}:${nobodys(id)}`).toString('base64');
}

/** At the same place of every order, so that what is listed after it is the same. */
function nobodys(value: string): string {
  if (/^[0-9a-f]{8}-/.test(value)) return `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`;
  if (/^\d+$/.test(value)) return value.replace(/\d$/, (digit) => (digit === '9' ? '8' : '9'));
  return value;
}

/** A cursor of the same list and place. A place that is a number or a slug is no secret: there the two are the same. */
function cursorLike(cursor: string): Values {
  const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as string[];
  const other = parts.map((part) => (/^[0-9a-f]{8}-/.test(part) ? nobodys(part) : part));
  return pair(cursor, encode(other));
}

function encode(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The same sequence in a history that nobody has. */
function otherHash(cursor: string): string {
  const bytes = Buffer.from(cursor, 'base64url');
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  return bytes.toString('base64url');
}
