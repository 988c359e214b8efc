import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { postText, requestText } from './http-text.ts';
import { ask, startProgram, startPromptForge, stopProgram } from './processes.ts';
import type { PromptForge } from './processes.ts';
import type { Yardstick } from './push-yardsticks.ts';
import type { Audience, FanOut } from './subscriber-load.ts';
import type { Protocol } from './unit-reader.ts';

const SLUG = 'bench/push';
const READ_SLUG = 'bench/read';
const TEMPLATE = `You are {{role}}.\n${'Answer in short, complete sentences, and say so when you are not sure. '.repeat(23)}\n`;
const SUBSCRIPTION = `subscription BenchPush {
  channelEvents(prompts: ["${SLUG}"]) {
    __typename cursor more
    ... on VersionPromoted { slug promotion { id kind } version { number template contentHash } }
  }
}`;
const PROBED = ['--expose-gc', '--import', join(import.meta.dirname, 'probe.mjs')];

/** A server, and the process that plays its subscribers. */
export interface Contestant {
  readonly name: string;
  readonly port: number;
  /** A read of about 2 kB. */
  readonly get: string;
  /** Opens further subscriptions until there are so many. */
  open(count: number): Promise<void>;
  fire(): Promise<FanOut>;
  /** What the server has used since its start. */
  cpuMs(): Promise<number>;
  /** Resident memory of the server after a collection of garbage. */
  memoryBytes(): Promise<number>;
  stop(): Promise<void>;
}

export interface Field {
  readonly forge: Contestant;
  readonly bare: Contestant;
  readonly asItComes: Contestant;
  /** Of event streams: graphql-sse. */
  readonly second: Contestant | null;
}

/** PromptForge, the bare server of this protocol, and the libraries as they come. All tell the same. */
export async function startField(protocol: Protocol, pinned: boolean): Promise<Field> {
  const { told, ...pair } = await startPair(protocol, pinned);
  const library: Yardstick = protocol === 'SSE' ? 'yoga-sse' : 'graphql-ws';
  const how = { protocol, pinned, told };
  return {
    ...pair,
    asItComes: await yardstick(library, how),
    second: protocol === 'SSE' ? await yardstick('graphql-sse', how) : null,
  };
}

/** Without the library; `told`: the result that everybody tells. */
export async function startPair(
  protocol: Protocol,
  pinned: boolean,
): Promise<Pick<Field, 'forge' | 'bare'> & { readonly told: string }> {
  const forge = await startPromptForge(pinned, ['--expose-gc']);
  await seed(forge);
  const told = await firstEvent(forge);
  const audience = audienceOf({ protocol, port: forge.port, key: forge.key, isBare: false });
  const triggers = [1, 2].map((version) => postText(forge.adminKey, { query: promotion(version) }));
  const get = requestText(
    `GET /v1/prompts/${READ_SLUG}`,
    { authorization: `Bearer ${forge.key}`, accept: 'application/json' },
    '',
  );
  const server = { child: forge.child, stop: () => forge.stop(), audience: { ...audience, triggers } };
  const bare: Yardstick = protocol === 'SSE' ? 'bare-sse' : 'bare-ws';
  return {
    told,
    forge: await contestant('PromptForge', server, get),
    bare: await yardstick(bare, { protocol, pinned, told }),
  };
}

async function yardstick(
  name: Yardstick,
  { protocol, pinned, told }: { protocol: Protocol; pinned: boolean; told: string },
): Promise<Contestant> {
  const { child, port } = await startProgram('push-yardsticks.ts', [name, told], {
    serverCore: pinned,
    nodeOptions: PROBED,
  });
  const audience = audienceOf({ protocol, port, key: '', isBare: name.startsWith('bare') });
  const stop = () => {
    child.kill('SIGTERM');
    return stopProgram(child);
  };
  const triggers = [requestText('POST /trigger', {}, '{}')];
  const server = { child, stop, audience: { ...audience, triggers } };
  return contestant(name, server, requestText('GET /', {}, ''));
}

async function contestant(
  name: string,
  server: { readonly child: ChildProcess; readonly audience: Audience; stop(): Promise<void> },
  get: string,
): Promise<Contestant> {
  const { child: load } = await startProgram('subscriber-load.ts', [], { serverCore: false });
  await ask(load, { audience: server.audience });
  return {
    name,
    get,
    port: server.audience.port,
    open: async (count) => {
      await ask(load, { open: count });
    },
    fire: () => ask<FanOut>(load, 'fire'),
    cpuMs: () => ask<number>(server.child, 'cpu'),
    memoryBytes: () => ask<number>(server.child, 'memory'),
    stop: async () => {
      await stopProgram(load);
      await server.stop();
    },
  };
}

function audienceOf(to: {
  readonly protocol: Protocol;
  readonly port: number;
  readonly key: string;
  readonly isBare: boolean;
}): Omit<Audience, 'triggers'> {
  const { protocol, port, key, isBare } = to;
  const query = { query: SUBSCRIPTION };
  if (protocol === 'SSE')
    return { port, protocol, greetings: [], request: postText(key, query, 'text/event-stream') };
  const subscribe = { id: '1', type: 'subscribe', payload: query };
  const greetings = isBare
    ? []
    : [{ type: 'connection_init' }, subscribe].map((message) => JSON.stringify(message));
  const upgrade = {
    authorization: `Bearer ${key}`,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    'sec-websocket-protocol': 'graphql-transport-ws',
  };
  return { port, protocol, greetings, request: requestText('GET /graphql', upgrade, '') };
}

function promotion(version: number): string {
  return `mutation { promoteVersion(input: { slug: "${SLUG}", version: ${version} }) { ... on Promotion { id } } }`;
}

async function seed({ port, adminKey: key }: PromptForge): Promise<void> {
  const create = (slug: string) =>
    `createPrompt(input: { slug: "${slug}", content: { template: $template } }) { ... on Prompt { id } }`;
  const query = `mutation BenchSeed($template: String!, $second: String!) {
    told: ${create(SLUG)}
    edited: editPrompt(input: { slug: "${SLUG}", content: { template: $second } }) { ... on PromptVersion { id } }
    read: ${create(READ_SLUG)}
    promoted: promoteVersion(input: { slug: "${READ_SLUG}", version: 1 }) { ... on Promotion { id } }
  }`;
  const variables = { template: TEMPLATE, second: TEMPLATE.replace('short', 'brief') };
  const text = await (await post({ port, key }, { query, variables })).text();
  if (text.split('"id"').length !== 5) throw new Error(`the seed failed: ${text}`);
}

/** What one subscriber of PromptForge hears of one promotion. */
async function firstEvent(forge: PromptForge): Promise<string> {
  const stream = await post(forge, { query: SUBSCRIPTION }, 'text/event-stream');
  await post({ port: forge.port, key: forge.adminKey }, { query: promotion(2) });
  let text = '';
  for await (const chunk of stream.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    const event = /^data: (.+)\n\n/m.exec(text)?.[1];
    if (event !== undefined) return event;
  }
  throw new Error(`PromptForge told nothing: ${text}`);
}

function post(
  { port, key }: Pick<PromptForge, 'port' | 'key'>,
  body: object,
  accept = 'application/json',
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  });
}
