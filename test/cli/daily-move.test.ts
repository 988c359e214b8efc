import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { cliOf } from './call-cli.ts';
import { startMeddlingProxy } from './meddling-proxy.ts';
import { startFollower } from './saying-follower.ts';

let server: TestServer;
let admin: Actor;
let prompts = 0;
beforeAll(async () => {
  server = await startTestServer();
  admin = await server.systemOf('default');
  await server.app.createChannel(admin, { name: 'canary' });
});
afterAll(() => server.close());

const { cli, json } = cliOf(() => server);

/** A prompt of its own with four versions, of which stable was promoted to these. */
async function prompt(...promoted: readonly number[]): Promise<string> {
  prompts += 1;
  const slug = `moved/p${prompts}`;
  const versions = [1, 2, 3, 4].map((number) => {
    const template = number === 1 ? 'version 1' : `version ${number} {{v${number}}}`;
    return { slug, committedAt: new Date(number * 1000), content: { template } };
  });
  await server.app.importVersions(admin, { versions });
  for (const version of promoted) await server.app.promoteVersion(admin, { slug, version });
  return slug;
}

async function moves(slug: string): Promise<object[]> {
  const { entries } = (await json(['history', slug, '--channel', 'stable'])) as { entries: object[] };
  return entries;
}

async function through(operation: string, meddling: { before?: () => Promise<unknown>; loses?: number }) {
  const proxy = await startMeddlingProxy(server.url, { operation, ...meddling });
  onTestFinished(() => proxy.close());
  return { env: { PROMPTFORGE_URL: proxy.url } };
}

describe('promptforge promote', () => {
  it('makes stable serve the newest version, and says what it served before', async () => {
    const slug = await prompt(2);
    const run = await cli(['promote', slug, '--reason', 'Reviewed']);
    expect([run.code, run.stdout]).toEqual([0, `${slug}: stable serves version 4 (before: 2)\n`]);
    expect(run.stderr).toBe(
      `${slug}: stable serves 2 -> 4 (+1 -1 lines; variables added: v4; variables removed: v2)\n`,
    );
    expect(await moves(slug)).toMatchObject([{ from: 2, to: 4, kind: 'PROMOTION', reason: 'Reviewed' }, {}]);
  });

  it('takes a number or another channel, and another channel to move', async () => {
    const slug = await prompt(2);
    expect(await json(['promote', slug, 'stable', '--channel', 'canary'])).toMatchObject({
      slug,
      channel: 'canary',
      from: null,
      to: 2,
      kind: 'PROMOTION',
    });
    expect(await json(['promote', slug, '3', '--channel', 'canary'])).toMatchObject({ from: 2, to: 3 });
  });

  it('changes nothing when the channel serves it already', async () => {
    const slug = await prompt(4);
    expect(await json(['promote', slug])).toEqual({ slug, channel: 'stable', from: 4, to: 4, kind: null });
    expect(await moves(slug)).toHaveLength(1);
  });

  it('shows with --dry-run what would change, and moves nothing', async () => {
    const slug = await prompt(2);
    expect(await json(['promote', slug, '3', '--dry-run'])).toMatchObject({
      dryRun: true,
      from: 2,
      to: 3,
      allowed: true,
      blockers: [],
      diff: { variablesAdded: ['v3'] },
    });
    expect(await moves(slug)).toHaveLength(1);
  });

  it('asks on a terminal, and takes only a yes', async () => {
    const slug = await prompt(2);
    const no = await cli(['promote', slug], { isAsked: true, stdin: 'n\n' });
    expect([no.code, no.stdout, no.stderr]).toEqual([1, '', expect.stringContaining('nothing was changed')]);
    expect(await moves(slug)).toHaveLength(1);
    expect((await cli(['promote', slug, '3', '--yes'], { isAsked: true, stdin: 'n\n' })).code).toBe(0);
    expect((await cli(['promote', slug], { isAsked: true, stdin: 'y\n' })).code).toBe(0);
    expect(await moves(slug)).toHaveLength(3);
  });

  it('tells everything that is in the way and what to do about it, and asks the reviewers when told to', async () => {
    const slug = await prompt(2);
    await server.app.setChannelPolicy(admin, {
      channel: 'stable',
      pattern: slug,
      approvals: 2,
      reasonRequired: true,
      soak: { channel: 'canary', minutes: 5 },
    });
    const run = await cli(['promote', slug]);
    expect([run.code, run.stdout]).toEqual([5, '']);
    const again = `promptforge promote ${slug} 4 --channel`;
    expect(run.stderr).toContain(`error: stable does not move to version 4 of ${slug}:\n`);
    expect(run.stderr).toContain(`ask for it: ${again} stable --request --reason "..."\n`);
    expect(run.stderr).toContain(`say why: ${again} stable --reason "..."\n`);
    expect(run.stderr).toContain(`first: ${again} canary\n`);
    const { code, stdout } = await cli(['promote', slug, '--reason', 'x', '--json', '--dry-run']);
    const { blockers } = JSON.parse(stdout) as { blockers: { code: string }[] };
    expect([code, blockers.map((blocker) => blocker.code)]).toEqual([5, ['APPROVALS_MISSING', 'SOAK_TIME']]);
    const asked = await cli(['promote', slug, '--request', '--reason', 'Please']);
    expect([asked.code, asked.stdout]).toEqual([
      0,
      expect.stringContaining('version 4 on stable asked for: 0 of 2 approvals'),
    ]);
    expect(await json(['promote', slug, '--request'])).toMatchObject({
      request: { status: 'OPEN', reason: 'Please' },
    });
    expect(await moves(slug)).toHaveLength(1);
  });

  it('tells a key that may not promote that it can ask', async () => {
    const slug = await prompt(2);
    const { key } = await server.createKey('EDITOR');
    const env = { PROMPTFORGE_API_KEY: key };
    const run = await cli(['promote', slug], { env });
    expect([run.code, run.stderr]).toEqual([
      4,
      expect.stringContaining(`promote ${slug} 4 --channel stable --request`),
    ]);
    expect((await cli(['promote', slug, '--request'], { env })).code).toBe(0);
    const rollback = await cli(['rollback', slug], { env });
    expect([rollback.code, rollback.stderr]).toEqual([4, expect.stringContaining('channels:rollback')]);
  });

  it('changes nothing when somebody is faster, and tells what is served now', async () => {
    const slug = await prompt(2);
    const meddling = await through('PromoteVersion', {
      before: () => server.app.promoteVersion(admin, { slug, version: 3 }),
    });
    const run = await cli(['promote', slug], meddling);
    expect([run.code, run.stdout]).toEqual([5, '']);
    expect(run.stderr).toContain('stable serves version 3 now, nothing was changed');
    expect(await moves(slug)).toMatchObject([{ to: 3 }, { to: 2 }]);
  });

  it('tells what came in the way just then', async () => {
    const slug = await prompt(2);
    const policy = { channel: 'stable', pattern: slug, approvals: 1 };
    const meddling = await through('PromoteVersion', {
      before: () => server.app.setChannelPolicy(admin, policy),
    });
    const run = await cli(['promote', slug, '--json'], meddling);
    expect([run.code, JSON.parse(run.stdout)]).toEqual([
      5,
      expect.objectContaining({
        allowed: false,
        blockers: [expect.objectContaining({ code: 'APPROVALS_MISSING' })],
      }),
    ]);
  });

  it('moves the channel once when the answer is lost on the way', async () => {
    const slug = await prompt(2);
    const run = await cli(['promote', slug], await through('PromoteVersion', { loses: 1 }));
    expect([run.code, run.stdout]).toEqual([0, expect.stringContaining('serves version 4 (before: 2)')]);
    expect(await moves(slug)).toHaveLength(2);
  });

  it('waits until the subscribers run it, and says how far it came', async () => {
    const slug = await prompt(2);
    const [quick, slow, silent] = [
      await startFollower(server, slug, 'quick'),
      await startFollower(server, slug, 'slow'),
      await startFollower(server, slug),
    ];
    const promoting = cli(['promote', slug, '--wait', '800ms']);
    await quick.apply();
    const run = await promoting;
    expect([run.code, run.stdout.split('\n')[1]]).toEqual([
      1,
      '1 of 2 subscribers run version 4; 1 listens without saying what it runs',
    ]);
    await slow.apply();
    silent.abort();
    const back = json(['rollback', slug, '--wait', '10s']);
    await Promise.all([quick.apply(), slow.apply()]);
    expect(await back).toMatchObject({ from: 4, to: 2, rollout: { subscribers: 2, applied: 2 } });
    quick.abort();
    slow.abort();
    const nobody = await cli(['promote', slug, '--wait', '1ms']);
    expect([nobody.code, nobody.stdout]).toEqual([
      0,
      expect.stringMatching(/no subscriber says|subscribers? runs? version 4/),
    ]);
  });

  it.each([
    [['promote', 'moved/p1', '--wait', '16s'], 2, 'at most 15 s'],
    [['rollback', 'moved/p1', '--wait', 'soon'], 2, 'such as 5s'],
    [['promote', 'moved/p0'], 5, 'did you mean moved/p1'],
    [['promote', 'moved/p1', '9'], 5, 'no version 9'],
    [['promote', 'moved/p1', '0'], 2, 'is no version'],
    [['promote', 'moved/p1', 'canary'], 5, '"canary" serves no version'],
    [['promote', 'moved/p1', '--channel', 'latest'], 5, 'latest'],
    [['promote', 'moved/p1', '--channel', 'nope'], 5, 'nope'],
    [['promote', 'moved/p1', '--request', '--dry-run'], 2, 'not both'],
    [['promote'], 2, 'missing required argument'],
    [['rollback', 'moved/p0'], 5, 'there is no prompt'],
    [['rollback', 'moved/p1', '--channel', 'nope'], 5, 'there are canary, latest, stable'],
    [['rollback', 'moved/p1', '--channel', 'latest'], 5, 'latest'],
    [['rollback', 'moved/p1', '--to', 'x'], 2, '1, 2, 3'],
    [['rollback', 'moved/p1', '--to', '3'], 5, 'was never promoted to version 3'],
  ])('%j ends with %i and says %j', async (args, code, says) => {
    const run = await cli(args);
    expect([run.code, run.stdout, run.stderr]).toEqual([code, '', expect.stringContaining(says)]);
  });
});

describe('promptforge rollback', () => {
  it('goes back to what the channel served before', async () => {
    const slug = await prompt(2, 4);
    const run = await cli(['rollback', slug, '--reason', 'Too slow']);
    expect([run.code, run.stdout]).toEqual([0, `${slug}: stable serves version 2 (before: 4)\n`]);
    expect(run.stderr).toMatch(/stable serves 4 \(since .*, PROMOTION by system\) -> 2\n/);
    expect(await moves(slug)).toMatchObject([
      { from: 4, to: 2, kind: 'ROLLBACK', reason: 'Too slow' },
      {},
      {},
    ]);
  });

  it('goes back once more, to a version that is named, and to what was withdrawn', async () => {
    const slug = await prompt(1, 2, 3);
    expect(await json(['rollback', slug])).toMatchObject({ from: 3, to: 2, kind: 'ROLLBACK' });
    const further = await cli(['rollback', slug]);
    expect(further.stderr).toContain('-> what it served before that');
    expect(further.stdout).toContain('serves version 1 (before: 2)');
    expect(await json(['rollback', slug, '--to', '3'])).toMatchObject({ from: 1, to: 3 });
    await server.app.withdrawPrompt(admin, { slug, channel: 'stable' });
    const restored = await cli(['rollback', slug]);
    expect([restored.stdout, restored.stderr]).toEqual([
      `${slug}: stable serves version 3 (before: nothing)\n`,
      expect.stringContaining('stable serves nothing (since'),
    ]);
  });

  it('shows with --dry-run where it would go, and moves nothing', async () => {
    const slug = await prompt(2, 4);
    expect(await json(['rollback', slug, '--dry-run'])).toMatchObject({
      from: 4,
      to: 2,
      diff: { removed: 1 },
    });
    const to = await cli(['rollback', slug, '--to', '3', '--dry-run']);
    expect(to.stdout).toContain('stable serves 4 -> 3 (+1 -1 lines');
    expect(await moves(slug)).toHaveLength(2);
  });

  it('does not walk back two when two people do it at once', async () => {
    const slug = await prompt(1, 2, 3);
    const meddling = await through('RollbackChannel', {
      before: () => server.app.rollbackChannel(admin, { slug }),
    });
    const run = await cli(['rollback', slug], meddling);
    expect([run.code, run.stderr]).toEqual([
      5,
      expect.stringContaining('stable serves version 2 now, nothing was changed'),
    ]);
    expect(await moves(slug)).toHaveLength(4);
  });

  it('goes back once when the answer is lost on the way', async () => {
    const slug = await prompt(1, 2, 3);
    expect((await cli(['rollback', slug], await through('RollbackChannel', { loses: 2 }))).code).toBe(0);
    expect(await moves(slug)).toMatchObject([{ from: 3, to: 2 }, {}, {}, {}]);
  });

  it('has nothing to go back to before anything was served, and below the first', async () => {
    const [unserved, first] = [await prompt(), await prompt(1)];
    const none = await cli(['rollback', unserved]);
    expect([none.code, none.stderr]).toEqual([5, expect.stringContaining('nothing to go back to')]);
    const below = await cli(['rollback', first]);
    expect([below.code, below.stderr]).toEqual([5, expect.stringContaining('served nothing of')]);
  });
});
