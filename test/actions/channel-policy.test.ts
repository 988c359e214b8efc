import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/actions/app.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { ChannelNotFound, ChannelReserved } from '../../src/domain/channel.ts';
import { Forbidden, InvalidInput, NotFound, Refusal } from '../../src/domain/errors.ts';
import { PromotionBlocked } from '../../src/domain/promotion-blockers.ts';
import { RefusedAttempts } from '../../src/db/refused-attempts.ts';
import { openDatabase } from '../../src/db/client.ts';
import type { ActionDeps } from '../../src/db/transaction.ts';
import { expectRefusal } from '../support/app.ts';
import { createGoverned } from './governance-fixture.ts';
import type { Governed } from './governance-fixture.ts';

let world: Governed;
beforeAll(async () => {
  world = await createGoverned();
  await world.createChannel(world.admin, { name: 'canary' });
});
afterAll(() => world.close());

describe('the policy of a channel', () => {
  it('is recorded with what it was and what it became; setting it again changes nothing', async () => {
    const before = await world.head();
    const id = await world.policy({ pattern: 'told/*', approvals: 2 });
    expect(await world.policy({ pattern: 'told/*', approvals: 2 })).toBe(id);
    await world.policy({ pattern: 'told/*', approvals: 1, soak: { channel: 'canary', minutes: 5 } });
    await world.removeChannelPolicy(world.admin, { channel: 'stable', pattern: 'told/*' });
    const events = await world.events({ after: before });
    expect(events.map(({ type, payload }) => [type, payload['before'], payload['after']])).toMatchObject([
      ['ChannelPolicyChanged', null, { approvals: 2, soak: null, requestHours: 168 }],
      [
        'ChannelPolicyChanged',
        { approvals: 2, soak: null },
        { approvals: 1, soak: { channel: 'canary', minutes: 5 } },
      ],
      ['ChannelPolicyChanged', { approvals: 1 }, null],
    ]);
  });

  it('decides by the slug itself, then by the longest folder, alone', async () => {
    const slug = await world.prompt('deep/er');
    await world.policy({ pattern: '*', approvals: 1 });
    const have = async () =>
      world.promoteVersion(world.releaser, { slug, version: 1 }).then(
        () => 0,
        (error: unknown) => (error as PromotionBlocked).blockers[0]?.need,
      );
    expect(await have()).toBe(1);
    await world.policy({ pattern: 'deep/*', approvals: 2 });
    expect(await have()).toBe(2);
    await world.policy({ pattern: 'deep/er/*', approvals: 3 });
    expect(await have()).toBe(3);
    await world.policy({ pattern: slug, approvals: 4 });
    expect(await have()).toBe(4);
    await world.policy({ pattern: slug, approvals: 0 });
    expect(await have()).toBe(0);
    await world.removeChannelPolicy(world.admin, { channel: 'stable', pattern: '*' });
  });

  it('of a slug as long as its folder decides before the folder’s', async () => {
    await world.createPrompt(world.editor, { slug: 'tie/a', content: { template: 'x' } });
    await world.policy({ pattern: 'tie/a', approvals: 0 });
    await world.policy({ pattern: 'tie/*', approvals: 1 });
    await world.promoteVersion(world.releaser, { slug: 'tie/a', version: 1 });
    await world.policy({ pattern: 'tie/a', approvals: 1 });
    await world.policy({ pattern: 'tie/*', approvals: 0 });
    const refusal = await expectRefusal(world, PromotionBlocked, () =>
      world.promoteVersion(world.releaser, { slug: 'tie/a', version: 1 }),
    );
    expect(refusal.blockers.map(({ need }) => need)).toEqual([1]);
  });

  it('names everything that blocks at once, of every item of a batch, and moves nothing', async () => {
    const slugs = [await world.prompt('strict'), await world.prompt('strict'), await world.prompt('lax')];
    await world.policy({
      pattern: 'strict/*',
      approvals: 2,
      promoterRole: 'ADMIN',
      reasonRequired: true,
      soak: { channel: 'canary', minutes: 60 },
    });
    const refusal = await expectRefusal(world, PromotionBlocked, () =>
      world.promoteVersions(world.releaser, { items: slugs.map((slug) => ({ slug, version: 1 })) }),
    );
    const codes = ['NOT_PROMOTER', 'APPROVALS_MISSING', 'REASON_REQUIRED', 'SOAK_TIME'];
    expect(refusal.blockers.map(({ slug, code }) => [slug, code])).toEqual(
      slugs.slice(0, 2).flatMap((slug) => codes.map((code) => [slug, code])),
    );
  });

  it('leaves rollbacks and withdrawals alone', async () => {
    const slug = await world.prompt('calm');
    await world.promoteVersion(world.releaser, { slug, version: 1 });
    await world.promoteVersion(world.releaser, { slug, version: 2 });
    await world.policy({ pattern: 'calm/*', approvals: 5, promoterRole: 'ADMIN', reasonRequired: true });
    await world.rollbackChannel(world.releaser, { slug });
    expect(await world.served(slug)).toBe(1);
    await world.withdrawPrompt(world.releaser, { slug, channel: 'stable' });
    expect(await world.served(slug)).toBeNull();
  });

  it('refuses who does not manage channels, latest, what is no pattern, and numbers out of bounds', async () => {
    await expectRefusal(world, Forbidden, () =>
      world.setChannelPolicy(world.releaser, { channel: 'stable', approvals: 0 }),
    );
    await expectRefusal(world, ChannelReserved, () => world.policy({ channel: 'latest', approvals: 1 }));
    await expectRefusal(world, ChannelNotFound, () => world.policy({ channel: 'nowhere', approvals: 1 }));
    await expectRefusal(world, ChannelNotFound, () =>
      world.policy({ soak: { channel: 'nowhere', minutes: 1 } }),
    );
    for (const input of [
      { approvals: 6 },
      { approvals: -1 },
      { approvals: 0.5 },
      { pattern: '**' },
      { pattern: 'Support/*' },
      { requestHours: 0 },
      { requestHours: 2_161 },
      { soak: { channel: 'stable', minutes: 5 } },
      { soak: { channel: 'latest', minutes: 5 } },
      { soak: { channel: 'canary', minutes: 0 } },
    ])
      await expectRefusal(world, InvalidInput, () => world.policy(input));
    const refusal = await expectRefusal(world, NotFound, () =>
      world.removeChannelPolicy(world.admin, { channel: 'stable', pattern: 'unknown/*' }),
    );
    expect(refusal.code).toBe('NOT_FOUND');
  });
});

describe('refused attempts', () => {
  it('are kept in the trail behind the answer, the same once a minute, 30 of an actor a minute', async () => {
    const opened = openDatabase({
      address: { connectionString: world.database.url },
      onIdleError: () => undefined,
    });
    const { newId, clock } = { newId: () => crypto.randomUUID(), clock: () => world.time.now };
    const attempts = new RefusedAttempts({
      writer: opened.writer,
      onCommit: async () => undefined,
      newId,
      clock,
    });
    const slug = await world.prompt('guarded');
    await world.policy({ pattern: 'guarded/*', approvals: 2, reasonRequired: true });
    const before = await world.head();
    const try_ = async (version: number, by = world.releaser) => {
      const move = { action: 'promoteVersion', slug, channel: 'stable', version };
      const error: unknown = await world
        .promoteVersion(by, { slug, version: 1 })
        .catch((refusal: unknown) => refusal);
      attempts.note(by, [move], error);
      await attempts.idle();
    };
    await try_(1);
    await try_(1);
    await try_(1, world.editor);
    const first = await world.events({ after: before });
    expect(first.map(({ type, actorName, payload }) => [type, actorName, payload])).toEqual([
      [
        'PromotionRefused',
        'rene',
        {
          action: 'promoteVersion',
          slug,
          channel: 'stable',
          version: 1,
          code: 'PROMOTION_BLOCKED',
          blockers: ['APPROVALS_MISSING', 'REASON_REQUIRED'],
        },
      ],
      ['PromotionRefused', 'emil', expect.objectContaining({ code: 'FORBIDDEN', blockers: [] })],
    ]);
    world.pass(1);
    for (let version = 1; version <= 40; version += 1) await try_(version);
    expect(await world.head()).toBe(before + 2 + 30);
    // What cannot be a prompt, and what is refused for another reason, is none of the trail's business.
    world.pass(1);
    attempts.note(
      world.editor,
      [{ action: 'promoteVersion', slug: 'NO SLUG', channel: 'stable' }],
      new Forbidden('x'),
    );
    attempts.note(world.editor, [{ action: 'promoteVersion', slug, channel: 'stable' }], new NotFound('x'));
    await attempts.idle();
    expect(await world.head()).toBe(before + 2 + 30);
    await opened.close();
  });

  it('of a batch are kept of each prompt that is blocked, at most 20, or of the one that is forbidden', async () => {
    const opened = openDatabase({
      address: { connectionString: world.database.url },
      onIdleError: () => undefined,
    });
    const deps: ActionDeps = {
      writer: opened.writer,
      onCommit: async () => undefined,
      newId: () => v7(),
      clock: () => world.time.now,
    };
    const attempts = new RefusedAttempts(deps);
    const app = createApp({ ...deps, onAttemptRefused: (...refused) => attempts.note(...refused) });
    await world.policy({ pattern: 'batch/*', approvals: 1 });
    const free = await world.prompt('free', 1);
    const batch: string[] = [];
    for (let made = 0; made < 25; made += 1) batch.push(await world.prompt('batch', 1));
    const [first, second] = batch;
    const told = async (by: Actor, slugs: readonly (string | undefined)[]) => {
      const before = await world.head();
      const items = slugs.map((slug) => ({ slug: slug ?? '', version: 1 }));
      await expect(app.promoteVersions(by, { items })).rejects.toBeInstanceOf(Refusal);
      await attempts.idle();
      const events = await world.events({ after: before });
      expect(new Set(events.map(({ commitSeq }) => commitSeq)).size).toBe(1);
      return events.map(({ payload }) => [payload['slug'], payload['code'], payload['blockers']]);
    };
    const blocked = (slug: string | undefined) => [slug, 'PROMOTION_BLOCKED', ['APPROVALS_MISSING']];
    expect(await told(world.releaser, [free, first, second])).toEqual([blocked(first), blocked(second)]);
    const own = world.actor('own', 'RELEASER', {
      grants: [{ role: 'RELEASER', prompts: ['free/*'], channels: null }],
    });
    expect(await told(own, [free, second, first])).toEqual([[second, 'FORBIDDEN', []]]);
    const other = world.actor('other', 'RELEASER');
    expect(await told(other, batch)).toEqual(batch.slice(0, 20).map(blocked));
    await opened.close();
  });
});
