import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AlreadyRequested, RequestClosed } from '../../src/domain/approval.ts';
import { Forbidden, InvalidInput } from '../../src/domain/errors.ts';
import { PromotionBlocked } from '../../src/domain/promotion-blockers.ts';
import { expectRefusal, refusedOf } from '../support/app.ts';
import { createGoverned } from './governance-fixture.ts';
import type { Governed } from './governance-fixture.ts';

let world: Governed;
beforeAll(async () => {
  world = await createGoverned();
  await world.createChannel(world.admin, { name: 'canary' });
  await world.policy({ pattern: 'one/*', approvals: 1 });
  await world.policy({ pattern: 'two/*', approvals: 2, requestHours: 24 });
  await world.policy({ pattern: 'why/*', reasonRequired: true });
  await world.policy({ pattern: 'soak/*', approvals: 1, soak: { channel: 'canary', minutes: 60 } });
});
afterAll(() => world.close());

describe('a request', () => {
  it('is open once for a version and channel, for a version that is not served, with the reason that is demanded', async () => {
    const slug = await world.prompt('why');
    await expectRefusal(world, InvalidInput, () => world.request(slug, 1));
    const id = await world.request(slug, 1, 'because');
    const again = await expectRefusal(world, AlreadyRequested, () => world.request(slug, 1, 'again'));
    expect(again.requestId).toBe(id);
    await world.review(id, world.reviewers[0]);
    await expectRefusal(world, InvalidInput, () => world.request(slug, 1, 'served already'));
    expect(await refusedOf([1, 2, 3].map(() => world.request(slug, 2, 'at once')))).toHaveLength(2);
  });

  it('is superseded when the channel moves otherwise, in that commit, and must be asked and approved anew', async () => {
    const slug = await world.prompt('two', 3);
    const [one, other] = world.reviewers;
    const [second, third] = [await world.request(slug, 2), await world.request(slug, 3)];
    await world.review(third, one);
    await world.review(second, one);
    const before = await world.head();
    await world.review(second, other);
    const events = await world.events({ after: before });
    expect(events.map(({ type, payload }) => [type, payload['requestId']])).toEqual([
      ['PromotionReviewed', second],
      ['VersionPromoted', second],
      ['PromotionRequestSuperseded', third],
    ]);
    expect(new Set(events.map(({ commitSeq }) => commitSeq)).size).toBe(1);
    await expectRefusal(world, RequestClosed, () => world.review(third, other));
    const anew = await world.request(slug, 3);
    await world.review(anew, other);
    expect(await world.served(slug)).toBe(2);
    await world.review(anew, one);
    expect(await world.served(slug)).toBe(3);
  });

  it.each([
    ['a rollback', (slug: string) => world.rollbackChannel(world.releaser, { slug })],
    ['a withdrawal', (slug: string) => world.withdrawPrompt(world.releaser, { slug, channel: 'stable' })],
    [
      'a promotion over what blocks',
      (slug: string) =>
        world.promoteVersion(world.admin, { slug, version: 3, breakGlass: true, reason: 'it is on fire' }),
    ],
  ])('is superseded by %s, also when it asks for the same version', async (_name, move) => {
    const slug = await world.prompt('one', 3);
    await world.review(await world.request(slug, 1), world.reviewers[0]);
    await world.review(await world.request(slug, 2), world.reviewers[0]);
    const id = await world.request(slug, 3);
    await move(slug);
    expect(await world.status(id)).toBe('SUPERSEDED');
  });

  it('expires: at a review that comes too late, and when another one is asked for', async () => {
    const slug = await world.prompt('two');
    const id = await world.request(slug, 2);
    world.pass(24 * 60);
    const before = await world.head();
    await expect(world.review(id, world.reviewers[0])).rejects.toMatchObject({
      code: 'REQUEST_CLOSED',
      status: 'EXPIRED',
    });
    expect(await world.status(id)).toBe('EXPIRED');
    expect((await world.events({ after: before })).map(({ type, actorName }) => [type, actorName])).toEqual([
      ['PromotionRequestExpired', 'system'],
    ]);
    const second = await world.request(slug, 2);
    world.pass(24 * 60 + 1);
    const third = await world.request(slug, 2);
    expect([await world.status(second), await world.status(third)]).toEqual(['EXPIRED', 'OPEN']);
  });

  it('expires by itself, once', async () => {
    const slug = await world.prompt('two');
    const id = await world.request(slug, 2);
    world.pass(23 * 60);
    await world.sweepPromotionRequests();
    expect(await world.status(id)).toBe('OPEN');
    world.pass(60);
    const closed = await Promise.all([world.sweepPromotionRequests(), world.sweepPromotionRequests()]);
    expect(await world.status(id)).toBe('EXPIRED');
    expect(Math.max(...closed)).toBeGreaterThan(0);
    const told = (await world.events()).filter(
      ({ type, payload }) => type === 'PromotionRequestExpired' && payload['requestId'] === id,
    );
    expect(told).toHaveLength(1);
  });

  it('waits for the soak time of its policy, and is applied when that has come', async () => {
    const slug = await world.prompt('soak');
    const id = await world.request(slug, 2, 'soaked');
    await world.review(id, world.reviewers[0]);
    const blocked = await expectRefusal(world, PromotionBlocked, () =>
      world.promoteVersion(world.releaser, { slug, version: 2 }),
    );
    expect(blocked.blockers.map(({ code, until }) => [code, until])).toEqual([['SOAK_TIME', null]]);
    await world.promoteVersion(world.releaser, { slug, version: 2, channel: 'canary' });
    world.pass(59);
    await world.sweepPromotionRequests();
    expect(await world.served(slug)).toBeNull();
    // A break: what was served before it does not count.
    await world.promoteVersion(world.releaser, { slug, version: 1, channel: 'canary' });
    await world.promoteVersion(world.releaser, { slug, version: 2, channel: 'canary' });
    const since = world.time.now.getTime();
    world.pass(59);
    await world.sweepPromotionRequests();
    const early = await expectRefusal(world, PromotionBlocked, () =>
      world.promoteVersion(world.releaser, { slug, version: 2 }),
    );
    expect(early.blockers.map(({ until }) => until?.getTime())).toEqual([since + 3_600_000]);
    world.pass(1);
    await world.sweepPromotionRequests();
    expect([await world.served(slug), await world.status(id)]).toEqual([2, 'APPLIED']);
    const [promotion] = await world.rows.promotion.findMany({ where: { requestId: id } });
    expect(promotion).toMatchObject({ actorKind: 'SYSTEM', reason: 'soaked' });
  });

  it('that fails, or is refused when its soak time has come, holds up no other', async () => {
    const [poisoned, expiring] = [await world.prompt('two'), await world.prompt('two')];
    const [refused, soaked] = [await world.prompt('soak'), await world.prompt('soak')];
    const stuck = await world.request(poisoned, 2);
    const over = await world.request(expiring, 2);
    const [one, asker] = world.reviewers;
    // Who asks does not count: the list does not know that, the decision does.
    const own = await world.requestPromotion(asker, { slug: refused, version: 2 });
    await world.review(own, asker);
    const due = await world.request(soaked, 2);
    await world.review(due, one);
    for (const slug of [refused, soaked])
      await world.promoteVersion(world.releaser, { slug, version: 2, channel: 'canary' });
    world.pass(24 * 60);
    await world.database.query(`
      CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$;
      CREATE TRIGGER poison BEFORE UPDATE ON promotion_request FOR EACH ROW WHEN (OLD.id = '${stuck}') EXECUTE FUNCTION poison()`);
    // Who reviews it learns that its time is over, even when that cannot be written.
    await expect(world.review(stuck, one)).rejects.toMatchObject({ status: 'EXPIRED' });
    await expect(world.sweepPromotionRequests({ page: 1 })).rejects.toThrow(
      /^1 could not be closed.*poisoned/s,
    );
    const statuses = await Promise.all([stuck, over, own, due].map((id) => world.status(id)));
    expect(statuses).toEqual(['OPEN', 'EXPIRED', 'OPEN', 'APPLIED']);
    await world.database.query('DROP FUNCTION poison CASCADE');
    expect(await world.sweepPromotionRequests({ page: 1 })).toBe(1);
  });

  it('is taken back by its author or an admin, and by nobody else', async () => {
    const slug = await world.prompt('one', 3);
    const [own, others] = [await world.request(slug, 2), await world.request(slug, 3)];
    await expectRefusal(world, Forbidden, () =>
      world.cancelPromotionRequest(world.releaser, { requestId: own }),
    );
    await world.cancelPromotionRequest(world.editor, { requestId: own });
    await world.cancelPromotionRequest(world.admin, { requestId: others });
    expect([await world.status(own), await world.status(others)]).toEqual(['CANCELLED', 'CANCELLED']);
    await expectRefusal(world, RequestClosed, () =>
      world.cancelPromotionRequest(world.editor, { requestId: own }),
    );
  });
});

describe('what could be a way around a policy', () => {
  it('archives a prompt only with the right to roll back the channels that serve it, and cancels what is asked for', async () => {
    const slug = await world.prompt('one');
    const id = await world.request(slug, 1);
    await world.review(id, world.reviewers[0]);
    const open = await world.request(slug, 2);
    await expectRefusal(world, Forbidden, () => world.archivePrompt(world.editor, { slug }));
    await world.archivePrompt(world.releaser, { slug });
    expect([await world.status(open), await world.served(slug)]).toEqual(['CANCELLED', null]);
    const unserved = await world.prompt('one');
    await world.archivePrompt(world.editor, { slug: unserved });
  });

  it('renames to where another policy decides only with the right to manage channels', async () => {
    const slug = await world.prompt('one');
    await expectRefusal(world, Forbidden, () =>
      world.updatePrompt(world.editor, { slug, newSlug: `free/${slug.slice(4)}` }),
    );
    await world.updatePrompt(world.editor, { slug, newSlug: `${slug}-b` });
    const folder = world.actor('folder', 'EDITOR', {
      grants: [{ role: 'EDITOR', prompts: ['one/*'], channels: null }],
    });
    await expectRefusal(world, Forbidden, () =>
      world.updatePrompt(folder, { slug: `${slug}-b`, newSlug: 'elsewhere/x' }),
    );
    await world.updatePrompt(world.admin, { slug: `${slug}-b`, newSlug: `free/${slug.slice(4)}` });
    expect(await world.rows.prompt.count({ where: { slug: `free/${slug.slice(4)}` } })).toBe(1);
  });

  it('breaks the glass only with the right to, with a reason, and says so loudly', async () => {
    const slug = await world.prompt('two');
    const glass = { slug, version: 2, breakGlass: true } as const;
    await expectRefusal(world, Forbidden, () =>
      world.promoteVersion(world.releaser, { ...glass, reason: 'it is on fire' }),
    );
    await expectRefusal(world, InvalidInput, () => world.promoteVersion(world.admin, glass));
    await expectRefusal(world, InvalidInput, () =>
      world.promoteVersion(world.admin, { ...glass, reason: '   short   ' }),
    );
    const before = await world.head();
    const id = await world.promoteVersion(world.admin, { ...glass, reason: 'it is on fire' });
    const events = await world.events({ after: before });
    expect(events.map(({ type }) => type)).toEqual(['BreakGlassUsed', 'VersionPromoted']);
    expect(events[0]?.payload).toMatchObject({
      slug,
      promotionId: id,
      reason: 'it is on fire',
      blockers: [{ code: 'APPROVALS_MISSING' }],
    });
    expect(events[1]?.payload).toMatchObject({ breakGlass: true });
    expect(await world.rows.promotion.findFirst({ where: { id } })).toMatchObject({ breakGlass: true });
  });

  it('never promotes under a policy that was changed meanwhile', async () => {
    for (let round = 0; round < 10; round += 1) {
      const slug = await world.prompt('race', 1);
      const [promotion, policy] = await Promise.allSettled([
        world.promoteVersion(world.releaser, { slug, version: 1 }),
        world.policy({ pattern: slug, approvals: 1 }),
      ]);
      expect(policy.status).toBe('fulfilled');
      const order = (await world.events())
        .filter(({ payload }) => payload['slug'] === slug || payload['pattern'] === slug)
        .map(({ type }) => type)
        .filter((type) => type === 'VersionPromoted' || type === 'ChannelPolicyChanged');
      const promotedFirst = ['VersionPromoted', 'VersionPromoted', 'ChannelPolicyChanged'];
      const policyFirst = ['VersionPromoted', 'ChannelPolicyChanged'];
      // The first one is the save that moved latest.
      expect(order).toEqual(promotion.status === 'fulfilled' ? promotedFirst : policyFirst);
    }
  });
});
