import { describe, expect, it } from 'vitest';
import { can, requireCan, scopesOf } from '../../src/domain/actor.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { Forbidden } from '../../src/domain/errors.ts';

const actor = (role: Actor['role']): Actor => ({
  workspaceId: 'w',
  kind: 'API_KEY',
  id: 'k',
  name: 'ci',
  role,
});

describe('what a role may do', () => {
  it('is everything for an admin and reading for a reader', () => {
    expect(scopesOf('ADMIN')).toEqual([
      'registry:read',
      'prompts:write',
      'channels:promote',
      'channels:manage',
      'keys:manage',
      'history:import',
    ]);
    expect(scopesOf('READER')).toEqual(['registry:read']);
    expect(scopesOf('ADMIN').every((scope) => can(actor('ADMIN'), scope))).toBe(true);
    expect(scopesOf('ADMIN').filter((scope) => can(actor('READER'), scope))).toEqual(['registry:read']);
  });

  it('is refused by the name of the scope that is missing', () => {
    requireCan(actor('ADMIN'), 'history:import');
    requireCan(actor('READER'), 'registry:read');
    const attempt = () => requireCan(actor('READER'), 'channels:promote');
    expect(attempt).toThrow(Forbidden);
    expect(attempt).toThrow(/ci.*"channels:promote"/);
  });
});
