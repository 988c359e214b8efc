import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportVersionsInput } from '../../src/actions/import-versions.ts';
import { Forbidden, InvalidInput } from '../../src/domain/errors.ts';
import { dateInHistory, KindMismatch } from '../../src/domain/version.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { contentOfVersion, seed, serving, upTo, versionNumbers } from '../support/seed.ts';

type Line = ImportVersionsInput['versions'][number];

const DAY_MS = 86_400_000;
const day = (n: number) => new Date(Date.UTC(2024, 0, 1) + n * DAY_MS);

function line(slug: string, n: number, text = `text ${n}`): Line {
  return { slug, committedAt: day(n), message: `commit ${n}`, content: { template: text } };
}

describe('importVersions', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  const importLines = (...versions: Line[]) => world.importVersions(world.admin, { versions });
  const stored = (slug: string) =>
    world.rows.promptVersion.findMany({
      where: { prompt: { slug } },
      orderBy: { number: 'asc' },
      include: { prompt: true },
    });

  it('creates prompts and versions with their own dates, mixed as they come, in one commit', async () => {
    const before = await world.head();
    const report = await importLines(
      line('in/a', 1),
      line('in/b', 0),
      line('in/a', 2),
      line('in/b', 2),
      line('in/a', 3),
    );
    expect(report).toMatchObject({ created: 5, skipped: 0 });
    const versions = await stored('in/a');
    expect(versions.map(({ id }) => id)).toEqual([0, 2, 4].map((index) => report.versionIds[index]));
    expect(versions).toMatchObject(
      [1, 2, 3].map((n) => ({
        number: n,
        template: `text ${n}`,
        message: `commit ${n}`,
        createdAt: day(n),
        committedAt: day(n),
        basedOnNumber: n === 1 ? null : n - 1,
      })),
    );
    expect(versions[0]?.prompt.createdAt).toEqual(day(1));
    expect(await serving(world, 'in/a', 'latest')).toBe(3);
    expect(await serving(world, 'in/a', 'stable')).toBeNull();
    const events = await world.events({ after: before });
    expect(new Set(events.map(({ commitSeq }) => commitSeq))).toEqual(new Set([before + 1]));
    expect(
      events.map(({ type, payload }) => [type, payload['slug'], payload['version'] ?? 'new'].join(' ')),
    ).toEqual([
      'PromptCreated in/a new',
      'PromptCreated in/b new',
      'VersionPromoted in/a 1',
      'VersionPromoted in/b 1',
      'VersionPromoted in/a 2',
      'VersionPromoted in/b 2',
      'VersionPromoted in/a 3',
    ]);
  });

  it('adds nothing when it is repeated, and only what is new when some is known', async () => {
    const lines = upTo(5).map((n) => line('in/repeat', n));
    const first = await importLines(...lines.slice(0, 3));
    const state = await world.state();
    const again = await importLines(...lines.slice(0, 3));
    expect(again).toEqual({ created: 0, skipped: 3, versionIds: first.versionIds });
    expect(await world.state()).toEqual(state);
    const rest = await importLines(...lines);
    expect(rest).toMatchObject({ created: 2, skipped: 3 });
    expect(rest.versionIds.slice(0, 3)).toEqual(first.versionIds);
    expect(await versionNumbers(world, 'in/repeat')).toEqual(upTo(5));
  });

  it('knows what was saved here by its date and content, and takes another content of that moment for another version', async () => {
    const { slug } = await seed(world).prompt().versions(2).build();
    const [first, second] = await stored(slug);
    const again = (committedAt: Date, template: string): Line => ({
      slug,
      committedAt,
      content: { template },
    });
    // Both may have been saved in one millisecond: an export tells them apart by another.
    const at = dateInHistory(Number(second?.createdAt), Number(first?.createdAt));
    const lines = [
      again(first?.createdAt ?? new Date(0), first?.template ?? ''),
      again(new Date(at), second?.template ?? ''),
    ];
    const head = await world.head();
    expect(await importLines(...lines)).toEqual({
      created: 0,
      skipped: 2,
      versionIds: [first?.id, second?.id],
    });
    expect(await world.head()).toBe(head);
    const other = again(new Date(at), 'made elsewhere at the same moment');
    expect(await importLines(...lines, other)).toMatchObject({ created: 1, skipped: 2 });
    expect(await versionNumbers(world, slug)).toEqual([1, 2, 3]);
  });

  it('keeps a text that returns later in its prompt as a version of its own', async () => {
    await importLines(line('in/returns', 1, 'A'), line('in/returns', 2, 'B'), line('in/returns', 3, 'A'));
    const versions = await stored('in/returns');
    expect(versions.map(({ template }) => template)).toEqual(['A', 'B', 'A']);
    expect(versions[0]?.contentHash).toBe(versions[2]?.contentHash);
  });

  it('takes a second line of the same moment for the same version', async () => {
    const report = await importLines(line('in/same', 1), line('in/same', 1));
    expect(report).toMatchObject({ created: 1, skipped: 1 });
    expect(report.versionIds[0]).toBe(report.versionIds[1]);
  });

  it('refuses what is older than the newest version, of the file or of the prompt, and adds nothing of the rest', async () => {
    const crossed = [line('in/good', 1), line('in/crossed', 5), line('in/crossed', 4)];
    const inFile = await expectRefusal(world, InvalidInput, () => importLines(...crossed));
    expect(inFile.field).toBe('versions[2].committedAt');
    const { slug } = await seed(world).prompt().build();
    const behind = await expectRefusal(world, InvalidInput, () =>
      importLines(line('in/good', 1), line(slug, 1)),
    );
    expect(behind.field).toBe('versions[1].committedAt');
  });

  it('goes on from versions that were saved here when its dates are later', async () => {
    const { slug } = await seed(world).prompt().versions(2).build();
    // A clock elsewhere may be ahead a little.
    const soon = new Date(Date.now() + 60_000);
    await importLines({ slug, committedAt: soon, message: 'm', content: { template: 'from elsewhere' } });
    await world.editPrompt(world.admin, { slug, content: { template: 'and here' } });
    expect(await versionNumbers(world, slug)).toEqual([1, 2, 3, 4]);
  });

  it('refuses another content under a time that it knows, instead of losing it', async () => {
    const committedAt = new Date('2024-01-01T00:00:00Z');
    const of = (template: string) => ({ slug: 'in/twice', committedAt, message: 'm', content: { template } });
    await expectRefusal(world, InvalidInput, () => importLines(of('one'), of('other')));
    await importLines(of('one'));
    const refused = await expectRefusal(world, InvalidInput, () => importLines(of('one'), of('other')));
    expect(refused.field).toBe('versions[1].committedAt');
    expect(await versionNumbers(world, 'in/twice')).toEqual([1]);
  });

  it('keeps milliseconds, dates far back and dates in every zone apart', async () => {
    const dates = [
      '0001-01-01T00:00:00.000Z',
      '0099-12-31T23:59:59.999Z',
      '1969-12-31T23:59:59.999Z',
      '2024-02-29T12:00:00.001Z',
    ];
    const moments = [...dates, '2024-02-29T20:00:00.002+08:00'].map((text) => new Date(text));
    await importLines(...moments.map((committedAt, n) => ({ ...line('in/dates', n), committedAt })));
    expect((await stored('in/dates')).map(({ createdAt }) => createdAt)).toEqual(moments);
    for (const committedAt of [
      new Date(Number.NaN),
      new Date('0000-12-31T23:59:59Z'),
      new Date('+010000-01-01T00:00:00Z'),
      new Date(Date.now() + DAY_MS),
    ]) {
      const refused = await expectRefusal(world, InvalidInput, () =>
        importLines({ ...line('in/bad', 1), committedAt }),
      );
      expect(refused.field).toBe('versions[0].committedAt');
    }
  });

  it('refuses content of the other kind, of the prompt or of an earlier line', async () => {
    const chat = await seed(world).prompt({ chat: true }).build();
    expect(
      await expectRefusal(world, KindMismatch, () =>
        importLines(line('in/good', 1), { ...line(chat.slug, 1), committedAt: new Date() }),
      ),
    ).toHaveProperty('code', 'KIND_MISMATCH');
    const other = { ...line('in/kinds', 2), content: contentOfVersion(2, true) };
    await expectRefusal(world, KindMismatch, () => importLines(line('in/kinds', 1), other));
  });

  it('refuses new versions of an archived prompt; known ones are skipped', async () => {
    const known = line('in/archived', 1);
    await importLines(known);
    await world.archivePrompt(world.admin, { slug: 'in/archived' });
    expect(await importLines(known)).toMatchObject({ created: 0, skipped: 1 });
    const refused = await expectRefusal(world, InvalidInput, () =>
      importLines(known, line('in/archived', 2)),
    );
    expect(refused.field).toBe('versions[1].slug');
  });

  it('takes 1 to 100 versions, names the place of a fault, and refuses readers', async () => {
    const lines = upTo(101).map((n) => line('in/many', n));
    expect((await expectRefusal(world, InvalidInput, () => importLines())).field).toBe('versions');
    expect((await expectRefusal(world, InvalidInput, () => importLines(...lines))).field).toBe('versions');
    await expectRefusal(world, Forbidden, () =>
      world.importVersions(world.reader, { versions: lines.slice(0, 1) }),
    );
    const badSlug = await expectRefusal(world, InvalidInput, () =>
      importLines(line('in/good', 1), line('in/../x', 1)),
    );
    expect(badSlug.field).toBe('versions[1].slug');
    const badContent = { ...line('in/good', 2), content: {} };
    expect(
      (await expectRefusal(world, InvalidInput, () => importLines(line('in/good', 1), badContent))).field,
    ).toBe('versions[1].content');
    expect(await importLines(...lines.slice(0, 100))).toMatchObject({ created: 100 });
    expect(await versionNumbers(world, 'in/many')).toEqual(upTo(100));
  });

  it('gives each version once when the same file comes in many times at once', async () => {
    const lines = upTo(4).flatMap((n) => upTo(5).map((p) => line(`in/twice-${p}`, n)));
    const before = await world.head();
    const turned = lines.toSorted(
      (a, b) => Number(a.committedAt) - Number(b.committedAt) || (a.slug < b.slug ? 1 : -1),
    );
    const reports = await Promise.all(
      [lines, turned, lines, turned].map((versions) => importLines(...versions)),
    );
    expect(reports.map(({ created }) => created).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 20]);
    expect(await world.events({ after: before })).toHaveLength(25);
    for (const p of upTo(5)) expect(await versionNumbers(world, `in/twice-${p}`)).toEqual(upTo(4));
  });
});
