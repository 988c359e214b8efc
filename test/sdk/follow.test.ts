import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createPromptForge } from '../../src/sdk/client.ts';
import type { PromptForge, PromptForgeOptions } from '../../src/sdk/client.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

describe('a client of a real server', () => {
  let server: TestServer;
  let key: string;
  beforeAll(async () => {
    server = await startTestServer();
    ({ key } = await server.createKey('SERVICE'));
  });
  afterAll(() => server.close());

  function connect(options: Partial<PromptForgeOptions> = {}): PromptForge {
    const prompts = createPromptForge({ url: server.url, apiKey: key, ...options });
    onTestFinished(() => prompts.close());
    return prompts;
  }
  it.each(['websocket', 'sse'] as const)('starts over %s', async (transport) => {
    const admin = await server.systemOf('default');
    const slug = `a/${transport}`;
    await server.app.createPrompt(admin, { slug, content: { template: 'Hello {{name}}' } });
    await server.app.promoteVersion(admin, { slug, channel: 'stable', version: 1 });
    const prompts = connect({ transports: [transport] });
    const told: unknown[] = [];
    prompts.on('promoted', (p) => told.push(p));
    expect(await prompts.ready()).toEqual({ source: 'server' });
    expect(prompts.render(slug, { name: 'Ada' })).toEqual({ slug, version: 1, text: 'Hello Ada' });
    await server.app.editPrompt(admin, { slug, content: { template: 'Bye {{name}}' } });
    await server.app.promoteVersion(admin, { slug, channel: 'stable', version: 2 });
    await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 5_000 });
    expect(prompts.render(slug, { name: 'Ada' }).text).toBe('Bye Ada');
  });
});
