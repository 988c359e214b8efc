import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestClosed } from '../../src/domain/approval.ts';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { PromotionBlocked } from '../../src/domain/promotion-blockers.ts';
import { expectRefusal, refusedOf } from '../support/app.ts';
import { createGoverned } from './governance-fixture.ts';
import type { Governed } from './governance-fixture.ts';

let world: Governed;
beforeAll(async () => {
  world = await createGoverned();
  await world.policy({ pattern: 'two/*', approvals: 2 });
  await world.policy({ pattern: 'hand/*', approvals: 1, autoApply: false });
  await world.policy({ pattern: 'mild/*', approvals: 1, rejectionBlocks: false });
  await world.policy({ pattern: 'self/*', approvals: 1, selfApproval: true });
  await world.policy({ pattern: 'admin/*', approvals: 1, promoterRole: 'ADMIN' });
});
afterAll(() => world.close());

describe('the review of a request', () => {
  it('moves the channel when the last approval is in, in its commit, in the reviewer’s name, on the request', async () => {
    const [one, other] = world.reviewers;
    const slug = await world.prompt('two');
    const id = await world.request(slug, 2, 'the tone is better');
    await world.review(id, one);
    expect(await world.served(slug)).toBeNull();
    const before = await world.head();
    await world.review(id, other);
    expect(await world.served(slug)).toBe(2);
    expect(await world.status(id)).toBe('APPLIED');
    const events = await world.events({ after: before });
    expect(events.map(({ type, commitSeq, actorName }) => [type, commitSeq, actorName])).toEqual([
      ['PromotionReviewed', before + 1, 'rolf'],
      ['VersionPromoted', before + 1, 'rolf'],
    ]);
    expect(events[0]?.payload).toMatchObject({ decision: 'APPROVE', status: 'APPLIED', requestId: id });
    expect(events[1]?.payload).toMatchObject({ requestId: id, version: 2 });
    const promotion = await world.rows.promotion.findFirstOrThrow({ where: { requestId: id } });
    expect(promotion).toMatchObject({ reason: 'the tone is better', breakGlass: false });
  });

  it('counts the newest of each reviewer, and neither who asked nor who wrote the version', async () => {
    const [one, other] = world.reviewers;
    const slug = await world.prompt('two');
    const author = world.actor('releasing author', 'RELEASER', { id: world.editor.id });
    const id = await world.request(slug, 2);
    await world.review(id, author);
    await world.review(id, one);
    await world.review(id, one);
    expect(await world.served(slug)).toBeNull();
    await world.review(id, other);
    expect(await world.served(slug)).toBe(2);
  });

  it('lets who asked approve where the policy says so', async () => {
    const slug = await world.prompt('self');
    const releaser = world.actor('alone', 'RELEASER');
    const id = await world.requestPromotion(releaser, { slug, version: 2 });
    await world.review(id, releaser);
    expect(await world.served(slug)).toBe(2);
  });

  it('closes the request at the first rejection, or counts on where rejections do not block', async () => {
    const [one, other] = world.reviewers;
    const strict = await world.prompt('two');
    const mild = await world.prompt('mild');
    const [rejected, disputed] = [await world.request(strict, 2), await world.request(mild, 2)];
    await world.review(rejected, one, 'REJECT');
    await world.review(disputed, one, 'REJECT');
    expect([await world.status(rejected), await world.status(disputed)]).toEqual(['REJECTED', 'OPEN']);
    const closed = await expectRefusal(world, RequestClosed, () => world.review(rejected, other));
    expect(closed.status).toBe('REJECTED');
    await world.review(disputed, other);
    expect(await world.served(mild)).toBe(2);
  });

  it('leaves an approved request to promoteVersion where the policy is not to move by itself', async () => {
    const slug = await world.prompt('hand');
    const early = await expectRefusal(world, PromotionBlocked, () =>
      world.promoteVersion(world.releaser, { slug, version: 2 }),
    );
    expect(early.blockers.map(({ code, have, need }) => ({ code, have, need }))).toEqual([
      { code: 'APPROVALS_MISSING', have: 0, need: 1 },
    ]);
    const id = await world.request(slug, 2);
    await world.review(id, world.reviewers[0]);
    expect(await world.served(slug)).toBeNull();
    await expectRefusal(world, PromotionBlocked, () =>
      world.promoteVersion(world.releaser, { slug, version: 1 }),
    );
    await world.promoteVersion(world.releaser, { slug, version: 2 });
    expect([await world.served(slug), await world.status(id)]).toEqual([2, 'APPLIED']);
  });

  it('needs an approval also where no policy is set, of somebody else', async () => {
    const slug = await world.prompt('free');
    const releaser = world.actor('asks', 'RELEASER');
    const id = await world.requestPromotion(releaser, { slug, version: 1 });
    await world.review(id, releaser);
    expect([await world.served(slug), await world.status(id)]).toEqual([null, 'OPEN']);
    await world.review(id, world.reviewers[0]);
    expect([await world.served(slug), await world.status(id)]).toEqual([1, 'APPLIED']);
  });

  it('does not lend a reviewer the role that promotes there: an admin applies it', async () => {
    const slug = await world.prompt('admin');
    const id = await world.request(slug, 2);
    await world.review(id, world.reviewers[0]);
    expect([await world.served(slug), await world.status(id)]).toEqual([null, 'OPEN']);
    const refusal = await expectRefusal(world, PromotionBlocked, () =>
      world.promoteVersion(world.releaser, { slug, version: 2 }),
    );
    expect(refusal.blockers.map(({ code }) => code)).toEqual(['NOT_PROMOTER']);
    await world.promoteVersion(world.admin, { slug, version: 2 });
    expect(await world.status(id)).toBe('APPLIED');
  });

  it('applies once when the last two approvals come at one moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const slug = await world.prompt('hand', 1);
      await world.policy({ pattern: slug, approvals: 1 });
      const id = await world.request(slug, 1);
      const refused = await refusedOf(world.reviewers.map((reviewer) => world.review(id, reviewer)));
      expect(refused).toHaveLength(2);
      for (const refusal of refused) expect(refusal).toBeInstanceOf(RequestClosed);
      expect(await world.rows.promotion.count({ where: { requestId: id } })).toBe(1);
    }
  });

  it('answers a repetition with the same key as the first time, and judges once', async () => {
    const slug = await world.prompt('two');
    const requestId = await world.request(slug, 2);
    const input = { requestId, decision: 'APPROVE', idempotencyKey: 'once' } as const;
    expect(await world.reviewPromotion(world.reviewers[0], input)).toBe(requestId);
    expect(await world.reviewPromotion(world.reviewers[0], input)).toBe(requestId);
    expect(await world.rows.promotionReview.count({ where: { requestId } })).toBe(1);
  });

  it('refuses who may not review there, unknown requests, and a comment that is too long', async () => {
    const slug = await world.prompt('two');
    const id = await world.request(slug, 2);
    const releasesElsewhere = { role: 'RELEASER', prompts: ['other/*'], channels: null } as const;
    const elsewhere = world.actor('elsewhere', 'RELEASER', { grants: [releasesElsewhere] });
    const reader = world.actor('reader', 'RELEASER', {
      grants: [releasesElsewhere, { role: 'VIEWER', prompts: null, channels: null }],
    });
    await expectRefusal(world, Forbidden, () => world.review(id, world.editor));
    await expectRefusal(world, Forbidden, () => world.review(id, reader));
    // Of what it may not read it does not hear that it is there.
    await expectRefusal(world, NotFound, () => world.review(id, elsewhere));
    await expectRefusal(world, NotFound, () => world.review(world.editor.id, world.reviewers[0]));
    await expectRefusal(world, InvalidInput, () =>
      world.reviewPromotion(world.reviewers[0], {
        requestId: id,
        decision: 'APPROVE',
        comment: 'x'.repeat(2_001),
      }),
    );
    await world.review(id, world.reviewers[0]);
    // To say the same again changes nothing.
    const before = await world.head();
    await world.review(id, world.reviewers[0]);
    expect(await world.head()).toBe(before);
    expect(await world.status(id)).toBe('OPEN');
  });
});
