import { describe, expect, it } from 'vitest';
import { claimAt, isOpenWorkspace, parseRolesClaim, workspaceOf } from '../../src/domain/member-claims.ts';

const parsed = (value: unknown) => Object.fromEntries(parseRolesClaim(value));

describe('the roles that a token claims', () => {
  it.each<[value: unknown, roles: Record<string, string>]>([
    ['RELEASER', { default: 'RELEASER' }],
    [['RELEASER'], { default: 'RELEASER' }],
    ['acme:ADMIN', { acme: 'ADMIN' }],
    [['acme:ADMIN', 'VIEWER', 'beta:EDITOR'], { acme: 'ADMIN', default: 'VIEWER', beta: 'EDITOR' }],
    // The highest, in any order.
    [['EDITOR', 'ADMIN', 'VIEWER'], { default: 'ADMIN' }],
    [['default:VIEWER', 'RELEASER'], { default: 'RELEASER' }],
    // No roles of people, no roles at all, other programs' roles.
    [['OPERATOR', 'SERVICE', 'admin', '', 'offline_access', 'x:y'], {}],
    [['$operator:ADMIN', ':ADMIN', 'a b:ADMIN', 'acme:', 'a:b:ADMIN', `${'x'.repeat(101)}:ADMIN`], {}],
    [[{ role: 'ADMIN' }, 7, null, ['ADMIN']], {}],
    [undefined, {}],
    [null, {}],
    [{ default: 'ADMIN' }, {}],
    // Names of an object's own machinery are names like others.
    [['constructor:VIEWER'], { constructor: 'VIEWER' }],
  ])('%j', (value, roles) => {
    expect(parsed(value)).toEqual(roles);
  });

  it('are read of the first thousand values', () => {
    expect(parsed([...Array.from({ length: 999 }, () => 'x'), 'VIEWER', 'ADMIN'])).toEqual({
      default: 'VIEWER',
    });
  });
});

describe('a claim', () => {
  const claims = {
    roles: 'one',
    'https://promptforge.example/roles': 'two',
    realm_access: { roles: ['three'] },
    'a.b': 'whole',
    a: { b: 'inside' },
  };
  it.each([
    ['roles', 'one'],
    ['https://promptforge.example/roles', 'two'],
    ['realm_access.roles', ['three']],
    ['a.b', 'whole'],
    ['realm_access.none', undefined],
    ['roles.length', undefined],
    ['none.roles', undefined],
    ['constructor', undefined],
    ['__proto__.constructor', undefined],
  ])('%s', (path, value) => {
    expect(claimAt(claims, path)).toEqual(value);
  });
});

describe('the workspace that a person comes to', () => {
  it.each<[named: string | undefined, claimed: unknown, slug: string]>([
    ['acme', ['beta:VIEWER'], 'acme'],
    ['', ['beta:VIEWER'], ''],
    [undefined, ['beta:VIEWER'], 'beta'],
    [undefined, ['beta:VIEWER', 'acme:VIEWER'], 'default'],
    [undefined, [], 'default'],
  ])('named %j, with the roles %j', (named, claimed, slug) => {
    expect(workspaceOf(named, parseRolesClaim(claimed))).toBe(slug);
  });

  it('is never the one of the installation itself, nor what is no name', () => {
    expect(['acme', 'a', '0-a.b_c'].filter(isOpenWorkspace)).toEqual(['acme', 'a', '0-a.b_c']);
    expect(['$operator', '', 'Acme', '-a', 'a/b', 'a\u0000', 'acme, acme'].filter(isOpenWorkspace)).toEqual(
      [],
    );
  });
});
