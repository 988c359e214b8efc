import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './isolation-doors.ts';
import type { Answered } from './isolation-doors.ts';
import { createWorld } from './isolation-world.ts';
import type { Kind, World } from './isolation-world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

type Ask = (value: string) => Omit<Parameters<typeof ask>[2], 'key'> & { readonly path: string };

const RENDER = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
const STREAM = { headers: { accept: 'text/event-stream' }, events: 1 };
const GRAPHQL = { path: '/graphql', method: 'POST' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** Every place of REST, and every header, where a client writes what may be somebody else's. */
const CASES: Readonly<Record<string, readonly [Kind, Ask]>> = {
  'GET /v1/prompts/{slug}': ['slug', (x) => ({ path: `/v1/prompts/${x}` })],
  'HEAD /v1/prompts/{slug}': ['slug', (x) => ({ path: `/v1/prompts/${x}`, method: 'HEAD' })],
  'GET by number': ['slug', (x) => ({ path: `/v1/prompts/${x}?_version=1` })],
  'GET latest': ['slug', (x) => ({ path: `/v1/prompts/${x}?_version=latest` })],
  'GET ?_version={channel}': ['channel', (x) => ({ path: `/v1/prompts/shared/one?_version=${x}` })],
  'POST render of {slug}': ['slug', (x) => ({ path: `/v1/prompts/${x}/render`, ...RENDER })],
  'POST render ?_version={channel}': [
    'channel',
    (x) => ({ path: `/v1/prompts/shared/one/render?_version=${x}`, ...RENDER }),
  ],
  'GET /v1/channels/{name}': ['channel', (x) => ({ path: `/v1/channels/${x}` })],
  'GET /v1/channels/{name}?prompts={slug}': [
    'slug',
    (x) => ({ path: `/v1/channels/stable?prompts=${x},shared/one` }),
  ],
  'HEAD /v1/channels/{name}?prompts={slug}': [
    'slug',
    (x) => ({ path: `/v1/channels/latest?prompts=${x}`, method: 'HEAD' }),
  ],
  'POST /v1/channels/{name}/applied': [
    'channel',
    (x) => ({
      path: `/v1/channels/${x}/applied`,
      method: 'POST',
      body: '{"instance":"web-1","cursor":"AQAAAAAAAAAJW5diMNEm0Kg"}',
    }),
  ],
  'POST applied of {cursor}': [
    'feedCursor',
    (x) => ({
      path: '/v1/channels/stable/applied',
      method: 'POST',
      body: JSON.stringify({ instance: 'web-1', cursor: x }),
    }),
  ],
  'GET /v1/channels/{name}/events': ['channel', (x) => ({ path: `/v1/channels/${x}/events`, ...STREAM })],
  'events ?prompts={slug}': [
    'slug',
    (x) => ({ path: `/v1/channels/stable/events?prompts=${x},shared/one`, ...STREAM }),
  ],
  'events ?after={cursor}': [
    'feedCursor',
    (x) => ({ path: `/v1/channels/stable/events?prompts=shared/one&after=${x}`, ...STREAM }),
  ],
  'events Last-Event-ID': [
    'feedCursor',
    (x) => ({
      path: '/v1/channels/stable/events?prompts=shared/one',
      events: 1,
      headers: { ...STREAM.headers, 'last-event-id': x },
    }),
  ],
  'X-PromptForge-Min-Cursor of a delivery': [
    'feedCursor',
    (x) => ({ path: '/v1/prompts/shared/one', headers: { 'x-promptforge-min-cursor': x } }),
  ],
  'X-PromptForge-Min-Cursor of an operation': [
    'feedCursor',
    (x) => ({
      ...GRAPHQL,
      headers: { ...JSON_TYPE, 'x-promptforge-min-cursor': x },
      body: '{"query":"{ channels { name } }"}',
    }),
  ],
  'X-PromptForge-Min-Cursor as an extension': [
    'feedCursor',
    (x) => ({
      ...GRAPHQL,
      headers: JSON_TYPE,
      body: JSON.stringify({ query: '{ channels { name } }', extensions: { 'X-PromptForge-Min-Cursor': x } }),
    }),
  ],
};

function askAs(key: string, { path, ...options }: ReturnType<Ask>): Promise<Answered> {
  return ask(world.server, path, { key, ...options });
}

const masked = (answered: Answered, value: string): Answered => ({
  ...answered,
  body: answered.body.replaceAll(value, '<asked>'),
});

describe('over REST, a key of A that asks for what is B is answered as if nobody had it', () => {
  it.each(Object.entries(CASES))('%s', async (_name, [kind, askFor]) => {
    const [foreign = ''] = world.values[kind].foreign;
    const [unknown = ''] = world.values[kind].unknown;
    for (const key of Object.values(world.keys)) {
      const answered = await askAs(key, askFor(foreign));
      expect(masked(answered, foreign)).toEqual(masked(await askAs(key, askFor(unknown)), unknown));
      expect(answered.body).not.toContain('of B');
    }
  });

  it.each(Object.entries(CASES).filter(([, [kind]]) => kind === 'slug'))(
    'and B itself is answered with it: %s',
    async (_name, [kind, askFor]) => {
      const [foreign = ''] = world.values[kind].foreign;
      const [unknown = ''] = world.values[kind].unknown;
      const found = await askAs(world.keyOfB, askFor(foreign));
      expect(masked(found, foreign)).not.toEqual(masked(await askAs(world.keyOfB, askFor(unknown)), unknown));
    },
  );

  it('serves each workspace its own prompt under the slug that both have', async () => {
    for (const [key, text] of [
      [world.keys.admin, 'shared/one of A'],
      [world.keys.service, 'shared/one of A'],
      [world.keyOfB, 'shared/one of B'],
    ] as const)
      expect((await askAs(key, { path: '/v1/prompts/shared/one' })).body).toContain(text);
  });
});
