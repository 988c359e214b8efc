import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidingPolicy, DEFAULT_POLICY, isPromoter, parsePolicy } from '../../src/domain/policy.ts';
import type { PolicyInput } from '../../src/domain/policy.ts';
import { actorWith } from '../support/actors.ts';

const decides = (patterns: readonly string[], slug: string) =>
  decidingPolicy(
    patterns.map((pattern) => ({ pattern })),
    slug,
  )?.pattern ?? null;

describe('the policy that decides', () => {
  it.each<[string, readonly string[], string | null]>([
    ['support/a', [], null],
    ['support/a', ['other/*', 'support/ab', 'supp/*'], null],
    ['support/a', ['*'], '*'],
    ['support/a', ['*', 'support/*'], 'support/*'],
    ['support/a/b', ['support/*', 'support/a/*', '*'], 'support/a/*'],
    ['support/a/b', ['support/a'], null],
    ['support/a', ['support/*', 'support/a'], 'support/a'],
    ['support/a', ['support/a', 'support/*'], 'support/a'],
    ['s/a', ['s/*', '*'], 's/*'],
  ])('of %s among %j is %j', (slug, patterns, expected) => {
    expect(decides(patterns, slug)).toBe(expected);
  });

  it('does not depend on the order in which they are found', () => {
    const patterns = ['*', 'a/*', 'a/b', 'a/b/*', 'a/b/c', 'b/*'];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(patterns),
        fc.constantFrom('a/b', 'a/b/c', 'a/x', 'b/b', 'c'),
        (some, slug) => {
          expect(decides(some, slug)).toBe(decides(some.toSorted(), slug));
        },
      ),
    );
  });
});

describe('a policy from outside', () => {
  it('is the default where it says nothing, and holds what it says', () => {
    expect(parsePolicy('stable', {})).toEqual(DEFAULT_POLICY);
    expect(parsePolicy('stable', { approvals: null, soak: null, requestHours: null })).toEqual(
      DEFAULT_POLICY,
    );
    const given = {
      promoterRole: 'ADMIN',
      approvals: 5,
      selfApproval: true,
      rejectionBlocks: false,
      reasonRequired: true,
      soak: { channel: 'canary', minutes: 1_440 },
      autoApply: false,
      requestHours: 1,
    } as const;
    expect(parsePolicy('stable', given)).toEqual(given);
  });

  it.each<[string, PolicyInput]>([
    ['approvals', { approvals: 6 }],
    ['approvals', { approvals: -1 }],
    ['approvals', { approvals: Number.NaN }],
    ['requestHours', { requestHours: 0 }],
    ['requestHours', { requestHours: 2_161 }],
    ['soak.channel', { soak: { channel: 'stable', minutes: 1 } }],
    ['soak.channel', { soak: { channel: 'latest', minutes: 1 } }],
    ['soak.channel', { soak: { channel: 'No Name', minutes: 1 } }],
    ['soak.minutes', { soak: { channel: 'canary', minutes: 0 } }],
    ['soak.minutes', { soak: { channel: 'canary', minutes: 43_201 } }],
  ])('is refused for %s: %j', (field, input) => {
    expect(() => parsePolicy('stable', input)).toThrow(expect.objectContaining({ field }));
  });
});

describe('who may promote where the policy demands an admin', () => {
  const target = { slug: 'support/a', channel: 'stable' };
  const admins = { ...DEFAULT_POLICY, promoterRole: 'ADMIN' } as const;
  const actor = (role: 'ADMIN' | 'RELEASER', prompts: string[] | null = null) =>
    actorWith({ workspaceId: 'w', role, grants: [{ role, prompts, channels: null }] });

  it('is an admin there, not one elsewhere, and no releaser', () => {
    expect(isPromoter(actor('ADMIN'), admins, target)).toBe(true);
    expect(isPromoter(actor('ADMIN', ['support/*']), admins, target)).toBe(true);
    expect(isPromoter(actor('ADMIN', ['other/*']), admins, target)).toBe(false);
    expect(isPromoter(actor('RELEASER'), admins, target)).toBe(false);
    expect(isPromoter(actor('RELEASER'), DEFAULT_POLICY, target)).toBe(true);
  });
});
