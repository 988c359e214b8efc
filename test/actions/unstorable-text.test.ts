import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidInput, Refusal } from '../../src/domain/errors.ts';
import type { ContentInput } from '../../src/domain/version.ts';
import { createTestApp, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';

const SLUG = 'kept/prompt';
const content = { template: 'x' };
const idempotencyKey = 'a key makes the whole input be hashed';

/** Where a text stands in content, and the field that the refusal names. */
const CONTENTS: readonly [string, (bad: string) => ContentInput][] = [
  ['content.template', (bad) => ({ template: bad })],
  [
    'content.messages[1].content',
    (bad) => ({
      messages: [
        { role: 'USER', content: '' },
        { role: 'USER', content: bad },
      ],
    }),
  ],
  ['content.messages[0].name', (bad) => ({ messages: [{ role: 'USER', content: '', name: bad }] })],
  ['content.messages[0].role', (bad) => ({ messages: [{ role: bad, content: '' }] })],
  ['content.config', (bad) => ({ ...content, config: bad })],
  ['content.config.list[1].deep', (bad) => ({ ...content, config: { list: [0, { deep: bad }] } })],
  ['content.config (a key)', (bad) => ({ ...content, config: { [bad]: 1 } })],
  ['content.config.a[0] (a key)', (bad) => ({ ...content, config: { a: [{ [bad]: 1 }] } })],
  ['content.variables[0].name', (bad) => ({ ...content, variables: [{ name: bad }] })],
  [
    'content.variables[0].description',
    (bad) => ({ ...content, variables: [{ name: 'v', description: bad }] }),
  ],
  [
    'content.variables[0].options[1]',
    (bad) => ({ ...content, variables: [{ name: 'v', type: 'ENUM', options: ['a', bad] }] }),
  ],
  ['content.variables[0].default', (bad) => ({ ...content, variables: [{ name: 'v', default: bad }] })],
  [
    'content.variables[0].default[0]',
    (bad) => ({ ...content, variables: [{ name: 'v', type: 'JSON', default: [bad] }] }),
  ],
  [
    'content.variables[0].default (a key)',
    (bad) => ({ ...content, variables: [{ name: 'v', type: 'JSON', default: { [bad]: 0 } }] }),
  ],
];

type Attempt = (world: TestApp, bad: string) => Promise<unknown>;

/** Every text that a mutation takes: the field that InvalidInput names, or the code of the refusal of what cannot be found. */
const PLACES: readonly [string, string, Attempt][] = [
  ['createPrompt', 'slug', (w, bad) => w.createPrompt(w.admin, { slug: bad, content, idempotencyKey })],
  [
    'createPrompt',
    'description',
    (w, bad) => w.createPrompt(w.admin, { slug: 'a', content, description: bad }),
  ],
  ['createPrompt', 'tags[1]', (w, bad) => w.createPrompt(w.admin, { slug: 'a', content, tags: ['t', bad] })],
  ['createPrompt', 'owner', (w, bad) => w.createPrompt(w.admin, { slug: 'a', content, owner: bad })],
  [
    'createPrompt',
    'message',
    (w, bad) => w.createPrompt(w.admin, { slug: 'a', content, message: bad, idempotencyKey }),
  ],
  [
    'createPrompt',
    'idempotencyKey',
    (w, bad) => w.createPrompt(w.admin, { slug: 'a', content, idempotencyKey: bad }),
  ],
  ['editPrompt', 'NOT_FOUND', (w, bad) => w.editPrompt(w.admin, { slug: bad, content, idempotencyKey })],
  [
    'editPrompt',
    'message',
    (w, bad) => w.editPrompt(w.admin, { slug: SLUG, content, message: bad, idempotencyKey }),
  ],
  [
    'editPrompt',
    'idempotencyKey',
    (w, bad) => w.editPrompt(w.admin, { slug: SLUG, content, idempotencyKey: bad }),
  ],
  ['updatePrompt', 'NOT_FOUND', (w, bad) => w.updatePrompt(w.admin, { slug: bad, owner: 'o' })],
  ['updatePrompt', 'newSlug', (w, bad) => w.updatePrompt(w.admin, { slug: SLUG, newSlug: bad })],
  ['updatePrompt', 'description', (w, bad) => w.updatePrompt(w.admin, { slug: SLUG, description: bad })],
  ['updatePrompt', 'tags[0]', (w, bad) => w.updatePrompt(w.admin, { slug: SLUG, tags: [bad] })],
  ['updatePrompt', 'owner', (w, bad) => w.updatePrompt(w.admin, { slug: SLUG, owner: bad })],
  ['archivePrompt', 'NOT_FOUND', (w, bad) => w.archivePrompt(w.admin, { slug: bad })],
  ['archivePrompt', 'reason', (w, bad) => w.archivePrompt(w.admin, { slug: SLUG, reason: bad })],
  ['restorePrompt', 'NOT_FOUND', (w, bad) => w.restorePrompt(w.admin, { slug: bad })],
  ['createChannel', 'name', (w, bad) => w.createChannel(w.admin, { name: bad })],
  [
    'createChannel',
    'description',
    (w, bad) => w.createChannel(w.admin, { name: 'canary', description: bad }),
  ],
  [
    'promoteVersion',
    'NOT_FOUND',
    (w, bad) => w.promoteVersion(w.admin, { slug: bad, version: 1, idempotencyKey }),
  ],
  [
    'promoteVersion',
    'CHANNEL_NOT_FOUND',
    (w, bad) => w.promoteVersion(w.admin, { slug: SLUG, version: 1, channel: bad, idempotencyKey }),
  ],
  [
    'promoteVersion',
    'reason',
    (w, bad) => w.promoteVersion(w.admin, { slug: SLUG, version: 1, reason: bad, idempotencyKey }),
  ],
  [
    'promoteVersion',
    'idempotencyKey',
    (w, bad) => w.promoteVersion(w.admin, { slug: SLUG, version: 1, idempotencyKey: bad }),
  ],
  [
    'promoteVersions',
    'NOT_FOUND',
    (w, bad) => w.promoteVersions(w.admin, { items: [{ slug: bad, version: 1 }], idempotencyKey }),
  ],
  [
    'promoteVersions',
    'CHANNEL_NOT_FOUND',
    (w, bad) =>
      w.promoteVersions(w.admin, { items: [{ slug: SLUG, version: 1 }], channel: bad, idempotencyKey }),
  ],
  [
    'promoteVersions',
    'reason',
    (w, bad) => w.promoteVersions(w.admin, { items: [{ slug: SLUG, version: 1 }], reason: bad }),
  ],
  [
    'promoteVersions',
    'idempotencyKey',
    (w, bad) => w.promoteVersions(w.admin, { items: [{ slug: SLUG, version: 1 }], idempotencyKey: bad }),
  ],
  ['rollbackChannel', 'NOT_FOUND', (w, bad) => w.rollbackChannel(w.admin, { slug: bad, idempotencyKey })],
  [
    'rollbackChannel',
    'CHANNEL_NOT_FOUND',
    (w, bad) => w.rollbackChannel(w.admin, { slug: SLUG, channel: bad, idempotencyKey }),
  ],
  ['rollbackChannel', 'reason', (w, bad) => w.rollbackChannel(w.admin, { slug: SLUG, reason: bad })],
  [
    'rollbackChannel',
    'idempotencyKey',
    (w, bad) => w.rollbackChannel(w.admin, { slug: SLUG, idempotencyKey: bad }),
  ],
  [
    'withdrawPrompt',
    'NOT_FOUND',
    (w, bad) => w.withdrawPrompt(w.admin, { slug: bad, channel: 'stable', idempotencyKey }),
  ],
  [
    'withdrawPrompt',
    'CHANNEL_NOT_FOUND',
    (w, bad) => w.withdrawPrompt(w.admin, { slug: SLUG, channel: bad, idempotencyKey }),
  ],
  [
    'withdrawPrompt',
    'reason',
    (w, bad) => w.withdrawPrompt(w.admin, { slug: SLUG, channel: 'stable', reason: bad }),
  ],
  [
    'withdrawPrompt',
    'idempotencyKey',
    (w, bad) => w.withdrawPrompt(w.admin, { slug: SLUG, channel: 'stable', idempotencyKey: bad }),
  ],
  ['importVersions', 'versions[0].slug', (w, bad) => importOne(w, { slug: bad })],
  ['importVersions', 'versions[0].message', (w, bad) => importOne(w, { message: bad })],
  [
    'importVersions',
    'versions[0].content.template',
    (w, bad) => importOne(w, { content: { template: bad } }),
  ],
  [
    'createApiKey',
    'name',
    (w, bad) => w.createApiKey(w.admin, { name: bad, role: 'VIEWER', secret: randomBytes(32) }),
  ],
  ['revokeApiKey', 'NOT_FOUND', (w, bad) => w.revokeApiKey(w.admin, { id: bad })],
  ...CONTENTS.map(([field, input]): [string, string, Attempt] => [
    'createPrompt',
    field,
    (w, bad) => w.createPrompt(w.admin, { slug: 'a', content: input(bad), idempotencyKey }),
  ]),
  ...CONTENTS.map(([field, input]): [string, string, Attempt] => [
    'editPrompt',
    field,
    (w, bad) => w.editPrompt(w.admin, { slug: SLUG, content: input(bad), idempotencyKey }),
  ]),
];

function importOne(world: TestApp, line: { slug?: string; message?: string; content?: ContentInput }) {
  const versions = [{ slug: 'in/one', committedAt: new Date(), message: 'm', content, ...line }];
  return world.importVersions(world.admin, { versions });
}

describe('text that cannot be stored', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
    await world.createPrompt(world.admin, { slug: SLUG, content });
    await world.promoteVersion(world.admin, { slug: SLUG, version: 1 });
  });
  afterAll(() => world.close());

  it.each(PLACES)('is refused by %s: %s', async (_verb, place, attempt) => {
    const before = await world.state();
    const refused = await refusedOf(['a\u0000b', '\ud800', 'x\udc00y'].map((bad) => attempt(world, bad)));
    const named = refused.map((error) => (error instanceof InvalidInput ? error.field : error));
    const found = named.map((error) => (error instanceof Refusal ? error.code : error));
    expect(found).toEqual([place, place, place]);
    expect(await world.state()).toEqual(before);
  });
});
