import { describe, expect, it } from 'vitest';
import {
  overlapEnd,
  requireFuture,
  requireKeyName,
  requireKeyRights,
} from '../../src/domain/api-key-rights.ts';
import type { KeyRightsInput } from '../../src/domain/api-key-rights.ts';
import { machineScopesOf } from '../../src/domain/actor-role.ts';
import { systemActor } from '../../src/domain/actor.ts';
import { Forbidden, InvalidInput } from '../../src/domain/errors.ts';
import { actorWith } from '../support/actors.ts';

const admin = actorWith({ workspaceId: 'w' });
const NOW = new Date('2026-11-24T12:00:00Z');

function refusal(attempt: () => unknown): unknown {
  try {
    return attempt();
  } catch (error) {
    return error;
  }
}

describe('what a key may do', () => {
  it('is by default what a machine of its role may, without limits', () => {
    expect(requireKeyRights(admin, { role: 'RELEASER' })).toEqual({
      role: 'RELEASER',
      scopes: machineScopesOf('RELEASER'),
      prompts: null,
      channels: null,
    });
  });

  it('is exactly the scopes that are named, each once, in a fixed order; its limits are sorted', () => {
    const wish = {
      role: 'RELEASER',
      scopes: ['channels:promote', 'registry:read', 'channels:promote'],
      prompts: ['support/*', 'a', 'a'],
      channels: ['stable', 'canary'],
    } as const;
    expect(requireKeyRights(admin, wish)).toEqual({
      role: 'RELEASER',
      scopes: ['registry:read', 'channels:promote'],
      prompts: ['a', 'support/*'],
      channels: ['canary', 'stable'],
    });
  });

  it.each<[KeyRightsInput, field: string, says: RegExp]>([
    [{ role: 'ADMIN', scopes: ['everything'] }, 'scopes[0]', /"registry:read".*"keys:manage"/],
    [
      { role: 'VIEWER', scopes: ['registry:read', 'prompts:write'] },
      'scopes[1]',
      /not among those of VIEWER/,
    ],
    [{ role: 'SERVICE', scopes: ['registry:read'] }, 'scopes[0]', /not among those of SERVICE/],
    [{ role: 'VIEWER', scopes: [] }, 'scopes', /leave it out/],
    [{ role: 'ADMIN', prompts: ['support/*'] }, 'scopes', /"keys:manage".*all of the workspace/],
    [{ role: 'ADMIN', scopes: ['channels:manage'], channels: ['stable'] }, 'scopes', /"channels:manage"/],
    [{ role: 'VIEWER', prompts: [] }, 'prompts', /leave it out/],
    [{ role: 'VIEWER', prompts: ['No Slug'] }, 'prompts', /neither a slug/],
    [{ role: 'VIEWER', prompts: Array.from({ length: 101 }, (_, i) => `p${i}`) }, 'prompts', /101 entries/],
    [{ role: 'VIEWER', channels: [] }, 'channels', /leave it out/],
    [{ role: 'VIEWER', channels: ['No Channel'] }, 'channels', /no channel/],
  ])('is refused for %j', (input, field, says) => {
    const refused = refusal(() => requireKeyRights(admin, input));
    expect(refused).toBeInstanceOf(InvalidInput);
    expect(refused).toMatchObject({ field, message: expect.stringMatching(says) as string });
  });

  it('is no more than its maker may; an operator is made by nobody but the installation itself', () => {
    const maker = actorWith({ workspaceId: 'w', scopes: ['keys:manage'] });
    expect(refusal(() => requireKeyRights(maker, { role: 'VIEWER' }))).toBeInstanceOf(Forbidden);
    expect(requireKeyRights(maker, { role: 'ADMIN', scopes: ['keys:manage'] }).scopes).toEqual([
      'keys:manage',
    ]);
    expect(refusal(() => requireKeyRights(admin, { role: 'OPERATOR' }))).toBeInstanceOf(Forbidden);
    expect(requireKeyRights(systemActor('w'), { role: 'OPERATOR' }).scopes).toEqual(['workspaces:manage']);
  });
});

describe('a key', () => {
  it('has a name that says something and can be stored', () => {
    expect(requireKeyName('ci')).toBe('ci');
    for (const name of ['', ' ', 'x'.repeat(101), 'a\u0000'])
      expect(refusal(() => requireKeyName(name))).toBeInstanceOf(InvalidInput);
  });

  it('ends in the future, or never', () => {
    const later = new Date(NOW.getTime() + 1);
    expect(requireFuture('expiresAt', later, NOW)).toBe(later);
    expect(requireFuture('expiresAt', undefined, NOW)).toBeNull();
    for (const date of [NOW, new Date(Number.NaN), new Date('+010000-01-01T00:00:00Z')])
      expect(refusal(() => requireFuture('expiresAt', date, NOW))).toBeInstanceOf(InvalidInput);
  });

  it('is rotated with an overlap of 0 to 7 whole days', () => {
    expect(overlapEnd(0, NOW)).toBeNull();
    expect(overlapEnd(7, NOW)?.toISOString()).toBe('2026-12-01T12:00:00.000Z');
    for (const days of [-1, 8, 0.5, Number.NaN])
      expect(refusal(() => overlapEnd(days, NOW))).toBeInstanceOf(InvalidInput);
  });
});
