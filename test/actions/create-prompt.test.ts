import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forbidden, InvalidInput } from '../../src/domain/errors.ts';
import { SlugTaken } from '../../src/domain/prompt.ts';
import { createTestApp, expectRefusal, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, serving, versionNumbers } from '../support/seed.ts';

const content = { template: 'Hi {{name}}!' };

describe('createPrompt', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  it('makes its content version 1, lets latest serve it and tells both in one commit', async () => {
    const { admin } = world;
    const before = await world.head();
    const input = {
      slug: 'create/one',
      description: 'What for',
      tags: ['b', 'a'],
      owner: 'team',
      message: 'First',
      content,
    };
    const id = await world.createPrompt(admin, input);
    const prompt = await world.rows.prompt.findFirstOrThrow({ where: { id }, include: { latest: true } });
    expect(prompt).toMatchObject({
      slug: 'create/one',
      kind: 'TEXT',
      description: 'What for',
      tags: ['b', 'a'],
      owner: 'team',
    });
    expect(prompt.latest).toMatchObject({
      number: 1,
      template: 'Hi {{name}}!',
      message: 'First',
      basedOnNumber: null,
    });
    expect(prompt.latest).toMatchObject({ authorKind: 'API_KEY', authorId: admin.id, authorName: 'ada' });
    expect(await serving(world, 'create/one', 'latest')).toBe(1);
    expect(await serving(world, 'create/one', 'stable')).toBeNull();
    const events = await world.events({ after: before });
    expect(events).toMatchObject([
      {
        seq: before + 1,
        commitSeq: before + 1,
        type: 'PromptCreated',
        promptId: id,
        payload: { slug: 'create/one', kind: 'TEXT' },
      },
      {
        seq: before + 2,
        commitSeq: before + 1,
        type: 'VersionPromoted',
        payload: { kind: 'SAVE', channel: 'latest', version: 1 },
      },
    ]);
    expect(world.commits.at(-1)).toMatchObject({ workspaceId: admin.workspaceId, seq: BigInt(before + 2) });
  });

  it('fixes the kind by the content', async () => {
    const messages = [
      { role: 'SYSTEM', content: 'Be {{tone}}' },
      { role: 'USER', content: '', name: 'Ann' },
    ];
    const id = await world.createPrompt(world.admin, { slug: 'create/chat', content: { messages } });
    const prompt = await world.rows.prompt.findFirstOrThrow({ where: { id }, include: { latest: true } });
    expect(prompt).toMatchObject({ kind: 'CHAT', latest: { kind: 'CHAT', template: null, messages } });
  });

  it('refuses a slug that is taken, by an archived prompt as well', async () => {
    const live = await seed(world).prompt().build();
    const retired = await seed(world).prompt().archived().build();
    for (const { slug } of [live, retired]) {
      expect(
        await expectRefusal(world, SlugTaken, () => world.createPrompt(world.admin, { slug, content })),
      ).toHaveProperty('code', 'SLUG_TAKEN');
    }
  });

  it('refuses what is no slug and content that is none', async () => {
    for (const slug of ['', '.', '..', 'a/../b', 'A', 'a//b', '/a', 'a/', 'a b', 'a'.repeat(201)]) {
      const { field } = await expectRefusal(world, InvalidInput, () =>
        world.createPrompt(world.admin, { slug, content }),
      );
      expect(field).toBe('slug');
    }
    const neither = await expectRefusal(world, InvalidInput, () =>
      world.createPrompt(world.admin, { slug: 'a', content: {} }),
    );
    expect(neither.field).toBe('content');
  });

  it('refuses a reader', async () => {
    expect(
      await expectRefusal(world, Forbidden, () =>
        world.createPrompt(world.reader, { slug: 'create/forbidden', content }),
      ),
    ).toHaveProperty('code', 'FORBIDDEN');
  });

  it('gives a slug to one of many who want it at once', async () => {
    const attempts = Array.from({ length: 10 }, () =>
      world.createPrompt(world.admin, { slug: 'create/race', content }),
    );
    const refused = await refusedOf(attempts);
    expect(refused).toHaveLength(9);
    for (const reason of refused) expect(reason).toBeInstanceOf(SlugTaken);
    expect(await versionNumbers(world, 'create/race')).toEqual([1]);
  });
});
