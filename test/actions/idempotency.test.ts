import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { IdempotencyConflict, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { EditConflict } from '../../src/domain/version.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, upTo, versionNumbers } from '../support/seed.ts';

interface Verb {
  readonly name: string;
  /** Prepares what one call needs; `call` makes it, `other` the same with another input. */
  readonly prepare: (world: TestApp) => Promise<{
    call: (actor: Actor, idempotencyKey: string) => Promise<string>;
    other: (actor: Actor, idempotencyKey: string) => Promise<string>;
  }>;
}

const content = { template: 'Hi {{name}}' };

function verb<Input extends object>(
  name: string,
  run: (world: TestApp) => (actor: Actor, input: Input & { idempotencyKey: string }) => Promise<string>,
  input: (world: TestApp) => Promise<Input>,
): Verb {
  return {
    name,
    prepare: async (world) => {
      const first = await input(world);
      const action = run(world);
      return {
        call: (actor, idempotencyKey) => action(actor, { ...first, idempotencyKey }),
        other: (actor, idempotencyKey) =>
          action(actor, { ...first, reason: 'r', message: 'm', idempotencyKey }),
      };
    },
  };
}

const served = async (world: TestApp) =>
  (await seed(world).prompt().versions(3).serving('stable', 1, 2).build()).slug;
let created = 0;

const VERBS: readonly Verb[] = [
  verb(
    'createPrompt',
    (w) => w.createPrompt,
    async () => ({ slug: `idempotent/${++created}`, tags: ['t'], content }),
  ),
  verb(
    'editPrompt',
    (w) => w.editPrompt,
    async (w) => ({ slug: await served(w), content }),
  ),
  verb(
    'promoteVersion',
    (w) => w.promoteVersion,
    async (w) => ({ slug: await served(w), version: 3, expectedVersion: 2 }),
  ),
  verb(
    'promoteVersions',
    (w) => w.promoteVersions,
    async (w) => ({
      items: [
        { slug: await served(w), version: 3 },
        { slug: await served(w), version: 1 },
      ],
    }),
  ),
  verb(
    'rollbackChannel',
    (w) => w.rollbackChannel,
    async (w) => ({ slug: await served(w) }),
  ),
  verb(
    'withdrawPrompt',
    (w) => w.withdrawPrompt,
    async (w) => ({ slug: await served(w), channel: 'stable' }),
  ),
];

let world: TestApp;
beforeAll(async () => {
  world = await createTestApp();
});
afterAll(() => world.close());

describe.each(VERBS)('an idempotency key of $name', ({ prepare }) => {
  it('answers a repetition with the same id and changes nothing', async () => {
    const { call } = await prepare(world);
    const id = await call(world.admin, 'again');
    const state = await world.state();
    const end = world.commits.at(-1);
    expect(await call(world.admin, 'again')).toBe(id);
    expect(await world.state()).toEqual(state);
    // Waited for again: another node may have taken the first call.
    expect(world.commits.slice(-2)).toEqual([end, end]);
  });

  it('runs once when ten come at once', async () => {
    const { call } = await prepare(world);
    const before = await world.state();
    const ids = await Promise.all(upTo(10).map(() => call(world.admin, 'at once')));
    expect(new Set(ids).size).toBe(1);
    const after = await world.state();
    const rows = (state: Record<string, string>) => Number(state['idempotency_key']?.split(' ')[0]);
    expect(rows(after)).toBe(rows(before) + 1);
    const done = after;
    await call(world.admin, 'at once');
    expect(await world.state()).toEqual(done);
  });

  it('refuses another input under the same key', async () => {
    const { call, other } = await prepare(world);
    await call(world.admin, 'conflict');
    const refused = await expectRefusal(world, IdempotencyConflict, () => other(world.admin, 'conflict'));
    expect(refused.message).toContain('conflict');
  });

  it('refuses keys that are too long or cannot be stored', async () => {
    const { call } = await prepare(world);
    for (const key of ['k'.repeat(201), 'a\u0000', '\udfff']) {
      const { field } = await expectRefusal(world, InvalidInput, () => call(world.admin, key));
      expect(field).toBe('idempotencyKey');
    }
    await call(world.admin, 'k'.repeat(200));
  });
});

describe('an idempotency key', () => {
  const edit = (slug: string, idempotencyKey: string, rest: object = {}) =>
    world.editPrompt(world.admin, { slug, content, idempotencyKey, ...rest });

  it('counts for its actor and its mutation only', async () => {
    const { slug } = await seed(world).prompt().versions(2).build();
    await edit(slug, 'scope');
    await world.editPrompt(world.colleague, { slug, content, idempotencyKey: 'scope' });
    await world.promoteVersion(world.admin, { slug, version: 1, idempotencyKey: 'scope' });
    await world.promoteVersion(world.colleague, { slug, version: 2, idempotencyKey: 'scope' });
    expect(await versionNumbers(world, slug)).toEqual([1, 2, 3, 4]);
    expect(await world.rows.idempotencyKey.count({ where: { key: 'scope' } })).toBe(4);
  });

  it('is free again after a refusal', async () => {
    const { slug } = await seed(world).prompt().build();
    await expectRefusal(world, EditConflict, () => edit(slug, 'refused', { baseVersion: 7 }));
    await edit(slug, 'refused', { baseVersion: 1 });
    await expectRefusal(world, NotFound, () => edit('idempotent/unknown', 'early'));
    await edit(slug, 'early');
    expect(await versionNumbers(world, slug)).toEqual([1, 2, 3]);
  });

  it('is forgotten after 24 hours and not before', async () => {
    const { slug } = await seed(world).prompt().build();
    const first = await edit(slug, 'aged');
    const age = (interval: string) =>
      world.database.query(
        `UPDATE "idempotency_key" SET created_at = now() - $1::interval WHERE key = 'aged'`,
        [interval],
      );
    await age('23 hours 59 minutes');
    expect(await edit(slug, 'aged')).toBe(first);
    await age('24 hours 1 minute');
    const second = await edit(slug, 'aged', { message: 'another input' });
    expect(second).not.toBe(first);
    expect(await edit(slug, 'aged', { message: 'another input' })).toBe(second);
    expect(await versionNumbers(world, slug)).toEqual([1, 2, 3]);
  });

  it('answers from what was stored, also when the newest version is another one by now', async () => {
    const { slug } = await seed(world).prompt().build();
    const same = await edit(slug, 'unchanged', { content: { template: 'version 1' }, onlyIfChanged: true });
    await edit(slug, 'changed');
    expect(await edit(slug, 'unchanged', { content: { template: 'version 1' }, onlyIfChanged: true })).toBe(
      same,
    );
    expect(await versionNumbers(world, slug)).toEqual([1, 2]);
  });

  it('compares inputs by their canonical form', async () => {
    const { slug } = await seed(world).prompt().build();
    const first = await edit(slug, 'canonical', { content: { template: 't', config: { a: 1, b: 2 } } });
    expect(await edit(slug, 'canonical', { content: { config: { b: 2, a: 1.0 }, template: 't' } })).toBe(
      first,
    );
    const other = { content: { template: 't', config: { a: 1, b: 3 } } };
    await expectRefusal(world, IdempotencyConflict, () => edit(slug, 'canonical', other));
  });
});
