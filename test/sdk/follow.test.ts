import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/sdk/clock.ts';
import { createPromptForge } from '../../src/sdk/client.ts';
import type { PromptForge, PromptForgeOptions, TransportName } from '../../src/sdk/client.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const PATIENCE = { timeout: 10_000, interval: 5 };
const STREAMS = ['websocket', 'sse'] as const;
const TRANSPORTS = [...STREAMS, 'polling'] as const;
/** Waits a hundredth of the time: polls come every 50 ms, and nobody waits for a second try. */
const QUICK = {
  ...systemClock,
  after: (delayMs: number, run: () => void) =>
    systemClock.after(delayMs < 10_000 ? delayMs / 100 : delayMs, run),
};
const ADMIN_KEY = `pf_live_${'a'.repeat(43)}`;

describe('a client of a real server', () => {
  let server: TestServer;
  let admin: Actor;
  let key: string;
  beforeAll(async () => {
    server = await startTestServer();
    admin = await server.systemOf('default');
    ({ key } = await server.createKey('SERVICE'));
  });
  afterAll(() => server.close());

  async function serve(slug: string, ...templates: readonly string[]): Promise<void> {
    const [first = 'Hello {{name}}', ...rest] = templates;
    await server.app.createPrompt(admin, { slug, content: { template: first } });
    for (const template of rest) await server.app.editPrompt(admin, { slug, content: { template } });
    await promote(slug, 1);
  }
  const promote = (slug: string, version: number) =>
    server.app.promoteVersion(admin, { slug, channel: 'stable', version });

  function connect(options: Partial<PromptForgeOptions> = {}): PromptForge & { readonly told: string[] } {
    const prompts = createPromptForge({ url: server.url, apiKey: key, ...options }, { clock: QUICK });
    onTestFinished(() => prompts.close());
    const told: string[] = [];
    prompts.on('promoted', ({ slug, from, to, kind }) => told.push(`${slug} ${from} -> ${to} ${kind}`));
    prompts.on('withdrawn', ({ slug, from }) => told.push(`${slug} ${from} -> none`));
    prompts.on('error', (error) => told.push(error.message));
    return { ...prompts, told };
  }
  const becomes = (told: readonly string[], expected: readonly string[]) =>
    vi.waitFor(() => expect(told).toEqual(expected), PATIENCE);

  it.each(TRANSPORTS)('renders what is served, and what is promoted then, over %s', async (transport) => {
    const slug = `live-${transport}/a`;
    await serve(slug, 'Hello {{name}}', 'Bye {{name}}');
    const prompts = connect({ transports: [transport], prompts: [`live-${transport}/*`] });
    expect(await prompts.ready()).toEqual({ source: 'server' });
    expect(await prompts.ready()).toEqual({ source: 'memory' });
    expect(prompts.status()).toMatchObject({ connected: true, transport, source: 'server', prompts: 1 });
    expect(prompts.render(slug, { name: 'Ada' })).toEqual({ slug, version: 1, text: 'Hello Ada' });
    await promote(slug, 2);
    await becomes(prompts.told, [`${slug} 1 -> 2 ${transport === 'websocket' ? 'PROMOTION' : 'null'}`]);
    expect(prompts.render(slug, { name: 'Ada' }).text).toBe('Bye Ada');
    await server.app.rollbackChannel(admin, { slug, channel: 'stable' });
    await vi.waitFor(() => expect(prompts.get(slug).version).toBe(1), PATIENCE);
    expect(prompts.told[1]).toBe(`${slug} 2 -> 1 ${transport === 'websocket' ? 'ROLLBACK' : 'null'}`);
    await server.app.withdrawPrompt(admin, { slug, channel: 'stable' });
    await vi.waitFor(() => expect(prompts.slugs()).toEqual([]), PATIENCE);
    expect(() => prompts.get(slug)).toThrow(expect.objectContaining({ code: 'PROMPT_NOT_SERVED' }));
    expect(prompts.told[2]).toBe(`${slug} 1 -> none`);
  });

  it('holds the same as delivery answers, whatever it came by', async () => {
    const slug = 'same/chat';
    const content = {
      messages: [
        { role: 'SYSTEM', content: 'Be {{tone}} to {{who.name}}' },
        { role: 'USER', content: '{{q}}', name: 'asker' },
      ],
      config: { model: 'm', temperature: 0.5, nested: { b: [1, null, 'é'], a: {} } },
      variables: [
        { name: 'tone', type: 'ENUM', options: ['kind', 'terse'], default: 'kind', required: true },
        { name: 'q', type: 'STRING', required: false, description: 'What is asked' },
        { name: 'unused', type: 'JSON', required: false, default: { a: 1 } },
      ],
    } as const;
    await server.app.createPrompt(admin, { slug, content });
    await promote(slug, 1);
    const response = await server.get(`/v1/prompts/${slug}`);
    const delivered = (await response.json()) as object;
    for (const transport of TRANSPORTS) {
      const prompts = connect({ transports: [transport], prompts: [slug] });
      await prompts.ready();
      expect(prompts.get(slug)).toEqual({ ...delivered, template: null });
      expect(Object.isFrozen(prompts.get(slug).messages?.[0])).toBe(true);
      expect(prompts.messages(slug, { who: { name: 'Bo' }, q: 'Why?' }).messages).toEqual([
        { role: 'SYSTEM', content: 'Be kind to Bo' },
        { role: 'USER', content: 'Why?', name: 'asker' },
      ]);
      expect(() => prompts.render(slug, { who: { name: 'Bo' } })).toThrow(/ask messages\(\), not render\(\)/);
      expect(prompts.told).toEqual([]);
    }
  });

  it.each(STREAMS)('applies a batch at once over %s', async (transport) => {
    const slugs = ['a', 'b', 'c'].map((name) => `batch-${transport}/${name}`);
    for (const slug of slugs) await serve(slug, 'one', 'two');
    const prompts = connect({ transports: [transport], prompts: [`batch-${transport}/*`] });
    await prompts.ready();
    const seen: number[][] = [];
    prompts.on('promoted', () => seen.push(slugs.map((slug) => prompts.get(slug).version)));
    await server.app.promoteVersions(admin, {
      channel: 'stable',
      items: slugs.map((slug) => ({ slug, version: 2 })),
    });
    await vi.waitFor(() => expect(seen).toHaveLength(3), PATIENCE);
    expect(seen).toEqual([
      [2, 2, 2],
      [2, 2, 2],
      [2, 2, 2],
    ]);
  });

  it('says nothing is known before it is, and that nothing is served once it knows', async () => {
    const prompts = connect({ prompts: ['nobody/*'] });
    expect(() => prompts.get('nobody/a')).toThrow(expect.objectContaining({ code: 'NO_CONTACT_YET' }));
    expect(prompts.get('nobody/a', { fallback: { template: 'Hi' } })).toMatchObject({
      version: 0,
      template: 'Hi',
    });
    await prompts.ready();
    expect(() => prompts.get('nobody/a')).toThrow(expect.objectContaining({ code: 'PROMPT_NOT_SERVED' }));
    const fallback = {
      template: 'Hi {{n}}',
      variables: [{ name: 'n', type: 'NUMBER', required: true }],
    } as const;
    expect(prompts.render('nobody/a', { n: 3 }, { fallback })).toEqual({
      slug: 'nobody/a',
      version: 0,
      text: 'Hi 3',
    });
    expect(() => prompts.render('nobody/a', { n: 'three', m: 1 }, { fallback })).toThrow(
      expect.objectContaining({ code: 'VARIABLES_INVALID', unknown: ['m'], invalid: ['n'], missing: [] }),
    );
  });

  it('is refused with a key that is none, and keeps serving when its key is revoked', async () => {
    const stranger = connect({ apiKey: `pf_live_${'x'.repeat(43)}` });
    await expect(stranger.ready()).rejects.toMatchObject({ code: 'UNAUTHORISED' });
    await serve('revoked/a', 'still here');
    const own = await server.createKey('SERVICE');
    const prompts = connect({ apiKey: own.key, prompts: ['revoked/*'] });
    await prompts.ready();
    await server.revokeKey(own.id);
    await vi.waitFor(
      () => expect(prompts.status().lastError).toMatchObject({ code: 'UNAUTHORISED' }),
      PATIENCE,
    );
    expect(prompts.status().connected).toBe(false);
    expect(prompts.render('revoked/a').text).toBe('still here');
  });

  it('asks the callback again when a key was rotated away', async () => {
    const [first, second] = [await server.createKey('SERVICE'), await server.createKey('SERVICE')];
    const keys = [first.key, second.key];
    const prompts = connect({ apiKey: () => keys.shift() ?? second.key, prompts: ['nobody/*'] });
    await prompts.ready();
    await server.revokeKey(first.id);
    await vi.waitFor(() => expect(prompts.status().failures).toBe(1), PATIENCE);
    await vi.waitFor(() => expect(prompts.status().connected).toBe(true), PATIENCE);
    expect(keys).toEqual([]);
  });

  it('falls to the event stream where there is no WebSocket', async () => {
    const nothing = class {
      constructor() {
        throw new Error('not in this house');
      }
      close() {}
    };
    const prompts = connect({ webSocket: nothing, prompts: ['nobody/*'] });
    await prompts.ready();
    expect(prompts.status().transport).toBe('sse');
  });

  it('says what is wrong with its options, all of it', () => {
    const make = () =>
      createPromptForge({
        url: 'localhost:4000',
        apiKey: '',
        prompts: [],
        transports: ['carrier' as TransportName],
      });
    expect(make).toThrow(/url: "localhost:4000".*prompts: .*transports: .*apiKey: /);
  });
});

describe('a server that goes away', () => {
  it('is followed to its next life from the last cursor, and callbacks hear of each promotion once', async () => {
    const database = await createTestDatabase();
    const port = await freePort();
    const start = () => startTestServer({ database, config: { adminKey: ADMIN_KEY, port } });
    let server = await start();
    onTestFinished(async () => {
      await server.close();
      await database.drop();
    });
    const admin = await server.systemOf('default');
    await server.app.createPrompt(admin, { slug: 'a', content: { template: 'one' } });
    await server.app.editPrompt(admin, { slug: 'a', content: { template: 'two' } });
    await server.app.promoteVersion(admin, { slug: 'a', channel: 'stable', version: 1 });
    const told: string[] = [];
    const prompts = createPromptForge({ url: server.url, apiKey: ADMIN_KEY });
    onTestFinished(() => prompts.close());
    prompts.on('promoted', ({ slug, to }) => told.push(`${slug} ${to}`));
    prompts.on('snapshot', ({ reason }) => told.push(reason));
    await prompts.ready();
    await server.close();
    await vi.waitFor(() => expect(prompts.status().connected).toBe(false), PATIENCE);
    expect(prompts.render('a').text).toBe('one');
    server = await start();
    await server.app.promoteVersion(admin, { slug: 'a', channel: 'stable', version: 2 });
    await vi.waitFor(() => expect(prompts.render('a').text).toBe('two'), PATIENCE);
    expect(told).toEqual(['REQUESTED', 'a 2']);
    expect(prompts.status()).toMatchObject({ connected: true, transport: 'websocket' });
  });
});

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const address = holder.address();
  await new Promise((resolve) => holder.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
