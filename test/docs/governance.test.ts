import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { v7 } from 'uuid';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApp } from '../../src/actions/app.ts';
import { openDatabase } from '../../src/db/client.ts';
import { systemActor } from '../../src/domain/actor.ts';
import { scopesOf } from '../../src/domain/actor-role.ts';
import type { Role } from '../../src/domain/actor-role.ts';
import { openEventStream } from '../support/event-stream.ts';
import type { TestEventStream } from '../support/event-stream.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { blocksOf, parseCurl, printed, readText, ROOT, shellWords } from './markdown.ts';
import type { Block } from './markdown.ts';

const ADDRESS = 'http://127.0.0.1:4000';
const TSX = import.meta.resolve('tsx');
const WALK = readText('docs/governance.md').split('## A walk-through')[1] ?? '';
const BLOCKS = blocksOf(WALK);
const ROLES = { editor: 'EDITOR', reviewer: 'RELEASER', colleague: 'RELEASER', viewer: 'VIEWER' } as const;

let server: TestServer;
const keys: Record<string, string> = {};
beforeAll(async () => {
  server = await startTestServer({ config: { demo: true } });
  keys['admin'] = server.adminKey;
  const opened = openDatabase({
    address: { connectionString: server.database.url },
    onIdleError: () => undefined,
  });
  const app = createApp({
    writer: opened.writer,
    onCommit: async () => undefined,
    clock: () => new Date(),
    newId: () => v7(),
  });
  const { id } = await opened.reader.workspace.findUniqueOrThrow({ where: { slug: 'default' } });
  for (const [name, role] of Object.entries<Role>(ROLES)) {
    const wanted = { name, role, scopes: scopesOf(role), secret: randomBytes(32) };
    keys[name] = (await app.createApiKey(systemActor(id), wanted)).key;
  }
  await opened.close();
});
afterAll(() => server.close());

/** One walk: what later steps need of earlier ones. */
interface Walk {
  request: string;
  stream: TestEventStream | null;
  executed: number;
}

async function ask(block: Block, walk: Walk): Promise<string> {
  const who = /^# (\w+)/.exec(block.text)?.[1] ?? '';
  const key = keys[who];
  if (key === undefined) throw new Error(`line ${block.line}: nobody is called "${who}"`);
  const variables = block.text.includes('$request') ? { request: walk.request } : {};
  const data = (await server.execute<unknown, object>(block.text, variables, { key })).data();
  const id = /"id":"([^"]+)"/.exec(JSON.stringify(data))?.[1];
  if (id !== undefined) walk.request = id;
  // Refused attempts are kept behind the answer.
  if (JSON.stringify(data).includes('"FORBIDDEN"')) await expect.poll(refusals).toBe(1);
  return JSON.stringify(data);
}

async function refusals(): Promise<number> {
  return (await server.database.query("SELECT 1 FROM event WHERE type = 'PromotionRefused'")).length;
}

function requestOf(block: Block) {
  const { url, headers } = parseCurl(shellWords(block.text, { VIEWER: keys['viewer'] ?? '' }));
  return { url: url.replace(ADDRESS, server.url), headers };
}

async function audit(block: Block): Promise<string> {
  const [npx, command, ...args] = shellWords(block.text.trim(), {});
  expect([npx, command]).toEqual(['npx', 'promptforge']);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', TSX, join(ROOT, 'src/cli/main.ts'), ...args],
    {
      env: {
        PATH: process.env['PATH'],
        PROMPTFORGE_URL: server.url,
        PROMPTFORGE_API_KEY: keys['viewer'],
      },
    },
  );
  return stdout.trimEnd();
}

/** What a block prints; null: nothing by itself. */
async function run(block: Block, walk: Walk): Promise<string | null> {
  if (block.language === 'graphql') return ask(block, walk);
  if (block.text.startsWith('npx')) return audit(block);
  const { url, headers } = requestOf(block);
  if (!block.text.startsWith('curl -N')) return (await (await fetch(url, { headers })).text()).trimEnd();
  walk.stream = await openEventStream(url, { headers });
  expect(await walk.stream.next()).toMatchObject({ event: 'snapshot' });
  return null;
}

/** What a block shows, as a pattern. */
function shownBy({ language, text }: Block): RegExp {
  return printed(language === 'json' ? JSON.stringify(JSON.parse(text)) : text);
}

async function nextPromotion({ stream }: Walk): Promise<string> {
  for (;;) {
    const event = await stream?.next();
    if (event === undefined) throw new Error('nobody follows');
    if (event.event !== 'bookmark') return `event: ${event.event}\ndata: ${event.data}`;
  }
}

it(
  'walks from a request over two reviews to a channel that moved, and proves it',
  { timeout: 120_000 },
  async () => {
    const walk: Walk = { request: '', stream: null, executed: 0 };
    let output: string | null = null;
    for (const block of BLOCKS) {
      if (block.language === 'graphql' || block.language === 'sh') {
        output = await run(block, walk);
        walk.executed += 1;
        continue;
      }
      if (block.text.startsWith('event: ')) output = await nextPromotion(walk);
      expect(output, `line ${block.line} of the walk-through`).toMatch(shownBy(block));
    }
    expect(walk.executed).toBe(11);
  },
);
