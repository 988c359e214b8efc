import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import { afterAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/actions/app.ts';
import { openDatabase } from '../../src/db/client.ts';
import { actorWith } from '../support/actors.ts';
import { Unavailable } from '../../src/domain/errors.ts';

const address = { host: '127.0.0.1', port: 1, user: 'nobody', database: 'nowhere' };
const database = openDatabase({ address, onIdleError: () => undefined });
const commits: unknown[] = [];
const app = createApp({
  writer: database.writer,
  onCommit: async (commit) => void commits.push(commit),
  clock: () => new Date(),
  newId: () => v7(),
});
const actor = actorWith({ workspaceId: v7() });
const slug = 'a/b';
const content = { template: 'x' };

describe('with the database away', () => {
  afterAll(() => database.close());

  it.each<[string, () => Promise<unknown>]>([
    ['ensureWorkspace', () => app.ensureWorkspace({ slug: 'default', name: 'Default' })],
    ['createPrompt', () => app.createPrompt(actor, { slug, content })],
    ['editPrompt', () => app.editPrompt(actor, { slug, content })],
    ['updatePrompt', () => app.updatePrompt(actor, { slug, owner: 'o' })],
    ['archivePrompt', () => app.archivePrompt(actor, { slug })],
    ['restorePrompt', () => app.restorePrompt(actor, { slug })],
    ['createChannel', () => app.createChannel(actor, { name: 'canary' })],
    ['promoteVersion', () => app.promoteVersion(actor, { slug, version: 1, idempotencyKey: 'k' })],
    ['promoteVersions', () => app.promoteVersions(actor, { items: [{ slug, version: 1 }] })],
    ['rollbackChannel', () => app.rollbackChannel(actor, { slug })],
    ['withdrawPrompt', () => app.withdrawPrompt(actor, { slug, channel: 'stable' })],
    [
      'importVersions',
      () =>
        app.importVersions(actor, { versions: [{ slug, committedAt: new Date(), message: '', content }] }),
    ],
    ['createApiKey', () => app.createApiKey(actor, { name: 'ci', role: 'VIEWER', secret: randomBytes(32) })],
    ['revokeApiKey', () => app.revokeApiKey(actor, { id: v7() })],
  ])('%s is refused as Unavailable', async (_name, attempt) => {
    await expect(attempt()).rejects.toBeInstanceOf(Unavailable);
    expect(commits).toEqual([]);
  });
});
