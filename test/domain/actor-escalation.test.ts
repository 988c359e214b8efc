import { describe, expect, it } from 'vitest';
import { requireWithin, scopesBeyond } from '../../src/domain/actor-escalation.ts';
import type { Rights } from '../../src/domain/actor-escalation.ts';
import { scopesOf } from '../../src/domain/actor-role.ts';
import type { Scope } from '../../src/domain/actor-role.ts';
import type { Grant } from '../../src/domain/actor.ts';
import { Forbidden } from '../../src/domain/errors.ts';
import { actorWith } from '../support/actors.ts';

const ALL = { prompts: null, channels: null };
const rights = (scopes: readonly Scope[], limits: Partial<Rights> = {}): Rights => ({
  scopes,
  ...ALL,
  ...limits,
});
const giver = (grants: readonly Grant[], scopes: readonly Scope[] | null = null) =>
  actorWith({ workspaceId: 'w', name: 'giver', grants, scopes });

const ADMIN: Grant = { role: 'ADMIN', ...ALL };
const LEAD: Grant = { role: 'RELEASER', prompts: ['support/*'], channels: ['stable'] };
const WRITER: Grant = { role: 'EDITOR', prompts: ['support/*', 'sales/pitch'], channels: null };

/** Who gives, what, and which of it he does not have. */
const CASES: readonly [title: string, ReturnType<typeof giver>, Rights, beyond: readonly Scope[]][] = [
  ['an administrator gives everything of an administrator', giver([ADMIN]), rights(scopesOf('ADMIN')), []],
  [
    'no administrator gives what is an operator’s',
    giver([ADMIN]),
    rights(['workspaces:manage']),
    ['workspaces:manage'],
  ],
  [
    'a key gives no scope that it lacks, whatever its role',
    giver([ADMIN], ['keys:manage', 'registry:read']),
    rights(['registry:read', 'channels:promote', 'members:manage']),
    ['channels:promote', 'members:manage'],
  ],
  [
    'nor for a part of the workspace',
    giver([ADMIN], ['keys:manage']),
    rights(['channels:promote'], { prompts: ['support/*'], channels: ['stable'] }),
    ['channels:promote'],
  ],
  [
    'who is limited gives nothing without the limit',
    giver([LEAD]),
    rights(['channels:promote']),
    ['channels:promote'],
  ],
  [
    'nor with one of two limits',
    giver([LEAD]),
    rights(['channels:promote'], { prompts: ['support/*'] }),
    ['channels:promote'],
  ],
  [
    'nor with the other',
    giver([LEAD]),
    rights(['channels:promote'], { channels: ['stable'] }),
    ['channels:promote'],
  ],
  [
    'the same limits are given',
    giver([LEAD]),
    rights(['channels:promote'], { prompts: ['support/*'], channels: ['stable'] }),
    [],
  ],
  [
    'and narrower ones',
    giver([LEAD]),
    rights(['channels:promote', 'channels:rollback'], {
      prompts: ['support/a', 'support/x/*'],
      channels: ['stable'],
    }),
    [],
  ],
  [
    'one channel more is too many',
    giver([LEAD]),
    rights(['channels:promote'], { prompts: ['support/a'], channels: ['canary', 'stable'] }),
    ['channels:promote'],
  ],
  [
    'one folder more is too many',
    giver([LEAD]),
    rights(['channels:promote'], { prompts: ['sales/*', 'support/a'], channels: ['stable'] }),
    ['channels:promote'],
  ],
  [
    'a folder is not covered by what is in it',
    giver([{ role: 'EDITOR', prompts: ['support/a'], channels: null }]),
    rights(['prompts:write'], { prompts: ['support/*'] }),
    ['prompts:write'],
  ],
  [
    'several grants count together',
    giver([LEAD, WRITER]),
    rights(['prompts:write', 'channels:promote'], {
      prompts: ['sales/pitch', 'support/a'],
      channels: ['stable'],
    }),
    ['channels:promote'],
  ],
  [
    'what concerns all of the workspace needs a grant without limits',
    giver([{ role: 'ADMIN', prompts: ['support/*'], channels: null }]),
    rights(['keys:manage']),
    ['keys:manage'],
  ],
  ['nothing is given by everybody', giver([]), rights([]), []],
];

describe('what somebody may give', () => {
  it.each(CASES)('%s', (_title, from, wanted, beyond) => {
    expect(scopesBeyond(from, wanted)).toEqual(beyond);
  });

  it('is refused by the names of the scopes that are too many', () => {
    const from = giver([ADMIN], ['keys:manage']);
    requireWithin(from, rights(['keys:manage']));
    const attempt = () => requireWithin(from, rights(['keys:manage', 'channels:promote']));
    expect(attempt).toThrow(Forbidden);
    expect(attempt).toThrow(/giver.*cannot give "channels:promote":/);
  });
});
