import { describe, expect, it } from 'vitest';
import { accessKey, can, canSomewhere, promptsWithin, requireCan } from '../../src/domain/actor.ts';
import type { Actor, Grant } from '../../src/domain/actor.ts';
import { machineScopesOf, ROLES, SCOPES, scopesOf } from '../../src/domain/actor-role.ts';
import type { Role, Scope } from '../../src/domain/actor-role.ts';
import { Forbidden } from '../../src/domain/errors.ts';
import { actorWith } from '../support/actors.ts';

const actor = (role: Role): Actor => actorWith({ workspaceId: 'w', name: 'ci', role });
const limited = (...grants: Grant[]): Actor => actorWith({ workspaceId: 'w', name: 'lead', grants });

const WHO_MAY: Record<Scope, readonly Role[]> = {
  'registry:read': ['VIEWER', 'EDITOR', 'RELEASER', 'ADMIN'],
  'channels:read': ['VIEWER', 'EDITOR', 'RELEASER', 'ADMIN', 'SERVICE'],
  'prompts:write': ['EDITOR', 'RELEASER', 'ADMIN'],
  'promotions:request': ['EDITOR', 'RELEASER', 'ADMIN'],
  'channels:promote': ['RELEASER', 'ADMIN'],
  'channels:rollback': ['RELEASER', 'ADMIN'],
  'promotions:review': ['RELEASER', 'ADMIN'],
  'promotions:break-glass': ['ADMIN'],
  'channels:manage': ['ADMIN'],
  'members:manage': ['ADMIN'],
  'keys:manage': ['ADMIN'],
  'history:import': ['ADMIN'],
  'audit:sign': ['ADMIN'],
  'workspaces:manage': ['OPERATOR'],
};

describe('what a role may do', () => {
  it.each(SCOPES)('%s is for those roles and for no other', (scope) => {
    expect(ROLES.filter((role) => can(actor(role), scope))).toEqual(WHO_MAY[scope]);
    expect(ROLES.filter((role) => scopesOf(role).includes(scope))).toEqual(WHO_MAY[scope]);
  });

  it('is for a machine, by default, nothing that moves production', () => {
    expect(machineScopesOf('ADMIN')).toEqual([
      'registry:read',
      'channels:read',
      'prompts:write',
      'promotions:request',
      'channels:manage',
      'members:manage',
      'keys:manage',
      'history:import',
      'audit:sign',
    ]);
    expect(machineScopesOf('RELEASER')).toEqual(scopesOf('EDITOR'));
  });

  it('is no more than the scopes that a key was given', () => {
    const key = actorWith({ workspaceId: 'w', scopes: ['registry:read', 'workspaces:manage'] });
    expect(SCOPES.filter((scope) => can(key, scope))).toEqual(['registry:read']);
  });

  it('is refused by the name of the scope that is missing', () => {
    requireCan(actor('ADMIN'), 'history:import');
    requireCan(actor('VIEWER'), 'registry:read');
    const attempt = () => requireCan(actor('VIEWER'), 'channels:promote', { slug: 'a', channel: 'stable' });
    expect(attempt).toThrow(Forbidden);
    expect(attempt).toThrow(/ci.*"channels:promote"$/);
  });
});

describe('a role that is limited', () => {
  const lead = limited(
    { role: 'VIEWER', prompts: null, channels: null },
    { role: 'RELEASER', prompts: ['support/*'], channels: ['stable'] },
  );

  it('releases its folder on its channel and nothing else', () => {
    const places = [
      { slug: 'support/a', channel: 'stable' },
      { slug: 'support/a', channel: 'canary' },
      { slug: 'supported', channel: 'stable' },
      { slug: 'support', channel: 'stable' },
      { slug: 'support/a' },
      { channel: 'stable' },
      {},
    ];
    expect(places.filter((place) => can(lead, 'channels:promote', place))).toEqual([places[0]]);
    expect(() => requireCan(lead, 'channels:promote', places[2])).toThrow(
      'lacks the scope "channels:promote" for "supported" on channel "stable"',
    );
  });

  it('writes in its folder, whichever channel it is limited to', () => {
    expect(can(lead, 'prompts:write', { slug: 'support/a' })).toBe(true);
    expect(can(lead, 'prompts:write', { slug: 'legal/a' })).toBe(false);
  });

  it('manages nothing of the workspace, even as an admin', () => {
    const folderAdmin = limited({ role: 'ADMIN', prompts: ['support/*'], channels: null });
    expect(canSomewhere(folderAdmin, 'keys:manage')).toBe(false);
    expect(can(folderAdmin, 'promotions:break-glass', { slug: 'support/a', channel: 'stable' })).toBe(true);
  });

  it('reads what lies beyond channels only when it is not limited to some', () => {
    const service = limited({ role: 'VIEWER', prompts: ['support/*'], channels: ['stable'] });
    expect(can(service, 'registry:read', { slug: 'support/a' })).toBe(false);
    expect(can(service, 'channels:read', { slug: 'support/a', channel: 'stable' })).toBe(true);
  });

  it('says which prompts it reaches', () => {
    expect(promptsWithin(lead, 'channels:promote', 'stable')).toEqual(['support/*']);
    expect(promptsWithin(lead, 'channels:promote', 'canary')).toEqual([]);
    expect(promptsWithin(lead, 'registry:read')).toBeNull();
  });

  it('shares what it sees with none that is limited otherwise', () => {
    const keys = [lead, actor('VIEWER'), actor('ADMIN'), actorWith({ workspaceId: 'v', role: 'ADMIN' })].map(
      accessKey,
    );
    expect(new Set(keys).size).toBe(4);
    expect(accessKey(actor('ADMIN'))).toBe(accessKey(actorWith({ workspaceId: 'w', name: 'other' })));
  });
});
