import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { PromptArchived } from '../../src/domain/prompt.ts';
import { EditConflict, KindMismatch } from '../../src/domain/version.ts';
import { createTestApp, expectRefusal, patiently, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { contentOfVersion, seed, serving, upTo, versionNumbers } from '../support/seed.ts';

describe('editPrompt', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  const version = (id: string) => world.rows.promptVersion.findFirstOrThrow({ where: { id } });

  it('saves the next number on top of the newest; latest follows, stable stays', async () => {
    const { slug, id: promptId } = await seed(world).prompt().serving('stable', 1).build();
    const before = await world.head();
    const id = await world.editPrompt(world.colleague, {
      slug,
      content: { template: 'two' },
      message: 'Why',
    });
    const saved = {
      number: 2,
      basedOnNumber: 1,
      template: 'two',
      message: 'Why',
      authorName: 'grace',
      committedAt: null,
    };
    expect(await version(id)).toMatchObject(saved);
    expect(await serving(world, slug, 'latest')).toBe(2);
    expect(await serving(world, slug, 'stable')).toBe(1);
    const payload = { slug, channel: 'latest', kind: 'SAVE', version: 2, previousVersion: 1 };
    expect(await world.events({ after: before })).toMatchObject([
      { type: 'VersionPromoted', promptId, actorName: 'grace', payload },
    ]);
  });

  it('saves identical content as a version of its own, unless asked for changes only', async () => {
    const { slug } = await seed(world).prompt().build();
    await world.editPrompt(world.admin, { slug, content: contentOfVersion(1) });
    expect(await versionNumbers(world, slug)).toEqual([1, 2]);
    const before = await world.state();
    const id = await world.editPrompt(world.admin, {
      slug,
      content: contentOfVersion(1),
      onlyIfChanged: true,
    });
    expect(await version(id)).toMatchObject({ number: 2 });
    expect(await world.state()).toEqual(before);
  });

  it('compares content by its canonical form: order of keys and spelling of numbers aside, everything counts', async () => {
    const { slug } = await seed(world).prompt().build();
    const config = { b: [1, { y: 1.0, x: null }], a: 'é' };
    const variables = [{ name: 'v', type: 'ENUM', options: ['x', 'y'] }] as const;
    const first = await world.editPrompt(world.admin, {
      slug,
      content: { template: 't', config, variables },
    });
    const reordered = { a: 'é', b: [1, { x: null, y: 1 }] };
    const spelledOut = [
      { options: ['x', 'y'], required: true, type: 'ENUM', name: 'v', default: null, description: null },
    ] as const;
    const edit = (content: object) => world.editPrompt(world.admin, { slug, content, onlyIfChanged: true });
    expect(await edit({ template: 't', config: reordered, variables: spelledOut })).toBe(first);
    const changes = [
      { template: 't ', config, variables },
      { template: 't', config: { ...config, a: 'e\u0301' }, variables },
      { template: 't', config, variables: [{ ...variables[0], required: false }] },
      { template: 't', config: { ...config, b: [{ y: 1, x: null }, 1] }, variables },
      { template: 't', variables },
    ];
    for (const [index, content] of changes.entries()) {
      expect(await version(await edit(content))).toMatchObject({ number: index + 3 });
    }
  });

  it('refuses an edit that started from a version that is not the newest, and names the newest', async () => {
    const { slug } = await seed(world).prompt().versions(3).build();
    for (const baseVersion of [2, 4, 0]) {
      const attempt = () => world.editPrompt(world.admin, { slug, content: { template: 'x' }, baseVersion });
      const conflict = await expectRefusal(world, EditConflict, attempt);
      expect(await version(conflict.newestVersionId)).toMatchObject({ number: 3 });
    }
    const id = await world.editPrompt(world.admin, { slug, content: { template: 'x' }, baseVersion: 3 });
    expect(await version(id)).toMatchObject({ number: 4 });
  });

  it('refuses a stale base also when the content would be unchanged', async () => {
    const { slug } = await seed(world).prompt().versions(2).build();
    const input = { slug, content: contentOfVersion(2), baseVersion: 1, onlyIfChanged: true };
    expect(
      await expectRefusal(world, EditConflict, () => world.editPrompt(world.admin, input)),
    ).toHaveProperty('code', 'EDIT_CONFLICT');
  });

  it('refuses content of the other kind', async () => {
    const text = await seed(world).prompt().build();
    const chat = await seed(world).prompt({ chat: true }).build();
    expect(
      await expectRefusal(world, KindMismatch, () =>
        world.editPrompt(world.admin, { ...text, content: contentOfVersion(2, true) }),
      ),
    ).toHaveProperty('code', 'KIND_MISMATCH');
    await expectRefusal(world, KindMismatch, () =>
      world.editPrompt(world.admin, { ...chat, content: contentOfVersion(2) }),
    );
  });

  it('refuses unknown and archived prompts, what is no content, and readers', async () => {
    const { slug } = await seed(world).prompt().archived().build();
    const content = { template: 'x' };
    expect(
      await expectRefusal(world, PromptArchived, () => world.editPrompt(world.admin, { slug, content })),
    ).toHaveProperty('code', 'PROMPT_ARCHIVED');
    await expectRefusal(world, NotFound, () =>
      world.editPrompt(world.admin, { slug: 'edit/unknown', content }),
    );
    await expectRefusal(world, NotFound, () =>
      world.editPrompt(world.admin, { slug: 'no slug/..', content }),
    );
    await expectRefusal(world, InvalidInput, () => world.editPrompt(world.admin, { slug, content: {} }));
    await expectRefusal(world, Forbidden, () => world.editPrompt(world.reader, { slug, content }));
  });

  it('never sees another workspace', async () => {
    const { slug } = await seed(world).prompt().build();
    const { id: workspaceId } = await world.ensureWorkspace({ slug: 'elsewhere', name: 'Elsewhere' });
    const stranger = { ...world.admin, workspaceId };
    expect(
      await expectRefusal(world, NotFound, () =>
        world.editPrompt(stranger, { slug, content: { template: 'x' } }),
      ),
    ).toHaveProperty('code', 'NOT_FOUND');
  });

  it('keeps every byte: line endings, spaces, normal forms, planes, and the characters that JSON and SQL escape', async () => {
    const { slug } = await seed(world).prompt().build();
    const template =
      '\uFEFF a\r\nb\rc\n\n\t é e\u0301 \u2028 \u0001\u001f\u007f \\n \'" \\\\ $1 👩‍👩‍👧 𝒳 \uFFFF \u202E  ';
    const config = { [template]: [template], constructor: { toString: 'x' } };
    const id = await world.editPrompt(world.admin, {
      slug,
      content: { template, config },
      message: template,
    });
    const saved = await version(id);
    expect(saved).toMatchObject({ template, config, message: template });
    const [stored] = await world.database.query<{ bytes: Buffer }>(
      `SELECT convert_to(template, 'UTF8') AS bytes FROM "prompt_version" WHERE id = $1`,
      [id],
    );
    expect(stored?.bytes.equals(Buffer.from(template, 'utf8'))).toBe(true);
  });

  it('stores any JSON as it is, also what looks like the query protocol of the client', async () => {
    const { slug } = await seed(world).prompt().build();
    const configs: readonly unknown[] = [
      { $type: 'DateTime', value: '2020-01-01' },
      { $type: 'Json', value: '{"a":1}' },
      { $type: 'FieldRef', value: { _ref: 'message', _container: 'PromptVersion' } },
      { prisma__type: 'bytes', prisma__value: 'AAAA' },
      { set: { push: 1 } },
      { toJSON: 'text', '': 0, constructor: { prototype: 1 } },
      { nested: [{ $type: 'Raw', value: 1 }, { $type: 'Enum', value: 'x' }, { _type: 'null' }] },
      [1e21, 5e-324, Number.MAX_SAFE_INTEGER, -1.5, '1', null],
      'a string',
      0,
      false,
    ];
    for (const config of configs) {
      const id = await world.editPrompt(world.admin, { slug, content: { template: 't', config } });
      const [stored] = await world.database.query<{ config: string }>(
        'SELECT config::text FROM "prompt_version" WHERE id = $1',
        [id],
      );
      expect(JSON.parse(stored?.config ?? '')).toEqual(config);
      expect((await version(id)).config).toEqual(config);
    }
  });

  it('numbers the saves of 32 concurrent editors without holes or duplicates', async () => {
    const { slug } = await seed(world).prompt().build();
    const before = await world.head();
    const edits = upTo(32).map((editor) => {
      const input = { slug, content: { template: `editor ${editor}` }, idempotencyKey: `editor ${editor}` };
      return patiently(() => world.editPrompt(world.admin, input));
    });
    const ids = await Promise.all(edits);
    expect(new Set(ids).size).toBe(32);
    expect(await versionNumbers(world, slug)).toEqual(upTo(33));
    expect(await serving(world, slug, 'latest')).toBe(33);
    const events = await world.events({ after: before });
    expect(events.map(({ seq }) => seq)).toEqual(upTo(32).map((n) => before + n));
    expect(events.map(({ payload }) => payload['version'])).toEqual(upTo(32).map((n) => n + 1));
  });

  it('lets one of many with the same base through', async () => {
    const { slug } = await seed(world).prompt().build();
    const edits = upTo(10).map((n) =>
      world.editPrompt(world.admin, { slug, content: { template: `${n}` }, baseVersion: 1 }),
    );
    const refused = await refusedOf(edits);
    expect(refused).toHaveLength(9);
    for (const reason of refused) expect(reason).toBeInstanceOf(EditConflict);
    expect(await versionNumbers(world, slug)).toEqual([1, 2]);
  });
});
