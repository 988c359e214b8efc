import { expect, it, onTestFinished } from 'vitest';
import { createPromptForge } from '../../src/sdk/client.ts';
import { until } from '../faults/harness.ts';
import { startTestServer } from '../support/server.ts';

it('refuses what was changed in the database, keeps the version before, and says so', async () => {
  const server = await startTestServer();
  onTestFinished(() => server.close());
  const { app, database, url, adminKey: apiKey } = server;
  const admin = await server.systemOf('default');
  const slug = 'support/assistant';
  await app.createPrompt(admin, { slug, content: { template: 'as it was saved' } });
  await app.promoteVersion(admin, { slug, channel: 'stable', version: 1 });
  const clients = (['websocket', 'sse'] as const).map((transport) => {
    const errors: string[] = [];
    const client = createPromptForge({ url, apiKey, transports: [transport] });
    client.on('error', ({ message }) => errors.push(message));
    onTestFinished(() => client.close());
    return { client, errors };
  });
  await Promise.all(clients.map(({ client }) => client.ready()));

  await app.editPrompt(admin, { slug, content: { template: 'as it was saved, too' } });
  // Past the triggers, as nothing but a superuser can.
  await database.query('ALTER TABLE prompt_version DISABLE TRIGGER USER');
  await database.query(`UPDATE prompt_version SET template = 'as it was not saved' WHERE number = 2`);
  await app.promoteVersion(admin, { slug, channel: 'stable', version: 2 });

  await until('all have refused it', () => clients.every(({ errors }) => errors.length > 0), 10_000);
  const stored = await (await server.get(`/v1/prompts/${slug}`)).text();
  expect(stored).toContain('as it was not saved');
  for (const { client, errors } of clients) {
    expect(client.get(slug)).toMatchObject({ version: 1, template: 'as it was saved' });
    expect(errors[0]).toContain('"support/assistant" version 2 is refused');
  }
});
