import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { actorWith } from '../support/actors.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { upTo } from '../support/seed.ts';

let world: TestApp;
beforeAll(async () => {
  world = await createTestApp();
});
afterAll(() => world.close());

const IDENTITY = {
  issuer: 'https://login.example.com',
  name: 'Ada',
  email: null,
  claimedRole: 'EDITOR',
} as const;

/** Somebody who has signed in once. */
async function newMember(): Promise<Actor> {
  const id = v7();
  const person = actorWith({ workspaceId: world.admin.workspaceId, kind: 'USER', id, name: 'Ada' });
  await world.joinWorkspace(person, { ...IDENTITY, subject: id });
  return person;
}

const rowOf = (id: string) => world.rows.member.findFirstOrThrow({ where: { id } });

describe('joinWorkspace', () => {
  it('makes one member of several first sign-ins at once, and tells it once', async () => {
    const before = await world.head();
    const subject = v7();
    const { workspaceId } = world.admin;
    await Promise.all(
      upTo(6).map(() =>
        world.joinWorkspace(actorWith({ workspaceId, kind: 'USER', name: 'Ada' }), { ...IDENTITY, subject }),
      ),
    );
    const [member, ...more] = await world.rows.member.findMany({ where: { subject } });
    expect(more).toEqual([]);
    expect(member).toMatchObject({
      name: 'Ada',
      claimedRole: 'EDITOR',
      role: null,
      grants: [],
      suspendedAt: null,
    });
    expect(await world.events({ after: before })).toMatchObject([
      {
        type: 'MemberJoined',
        actorName: 'Ada',
        payload: { memberId: member?.id, name: 'Ada', after: { subject, claimedRole: 'EDITOR' } },
      },
    ]);
  });
});

describe('refreshMember', () => {
  it('tells what has changed, and nothing when nothing has', async () => {
    const person = await newMember();
    const before = await world.head();
    const news = { name: 'Ada L.', email: null, claimedRole: 'RELEASER' } as const;
    await world.refreshMember(person, news);
    await world.refreshMember(person, news);
    expect(await rowOf(person.id)).toMatchObject(news);
    expect((await world.events({ after: before })).map(({ type, payload }) => ({ type, payload }))).toEqual([
      {
        type: 'MemberChanged',
        payload: {
          memberId: person.id,
          name: 'Ada L.',
          before: { name: 'Ada', claimedRole: 'EDITOR' },
          after: { name: 'Ada L.', claimedRole: 'RELEASER' },
        },
      },
    ]);
  });
});

describe('setMemberRole', () => {
  const grants = [{ role: 'RELEASER', prompts: ['support/*'], channels: ['stable'] }] as const;

  it('sets what is given and leaves the rest, and tells before and after', async () => {
    const { id } = await newMember();
    const before = await world.head();
    await world.setMemberRole(world.admin, { member: id, role: 'VIEWER', grants });
    await world.setMemberRole(world.admin, { member: id, suspended: true });
    expect(await rowOf(id)).toMatchObject({ role: 'VIEWER', grants, suspendedAt: expect.any(Date) as Date });
    const [first, second, ...more] = await world.events({ after: before });
    expect(more).toEqual([]);
    expect(first?.payload).toEqual({
      memberId: id,
      name: 'Ada',
      before: { role: null, grants: [], suspendedAt: null },
      after: { role: 'VIEWER', grants, suspendedAt: null },
    });
    expect(second?.payload).toMatchObject({
      before: { suspendedAt: null },
      after: { role: 'VIEWER', grants },
    });
    await world.setMemberRole(world.admin, { member: id, role: null, grants: [], suspended: false });
    expect(await rowOf(id)).toMatchObject({ role: null, grants: [], suspendedAt: null });
  });

  it('changes nothing when it is so already', async () => {
    const { id } = await newMember();
    await world.setMemberRole(world.admin, { member: id, role: 'ADMIN', grants, suspended: true });
    const state = await world.state();
    await world.setMemberRole(world.admin, { member: id, role: 'ADMIN', grants, suspended: true });
    await world.setMemberRole(world.admin, { member: id });
    expect(await world.state()).toEqual(state);
  });

  it('refuses roles that are no person’s, limits that are none, too many grants, and channels that are not there', async () => {
    const { id: member } = await newMember();
    const limits = { prompts: ['a'], channels: null };
    const cases = [
      [{ role: 'SERVICE' }, 'role'],
      [{ role: 'OPERATOR' }, 'role'],
      [{ grants: [{ role: 'SERVICE', ...limits }] }, 'grants[0].role'],
      [{ grants: [{ role: 'EDITOR', prompts: null, channels: null }] }, 'grants[0]'],
      [{ grants: [{ role: 'EDITOR', prompts: ['No Slug'] }] }, 'grants[0].prompts'],
      [{ grants: [...grants, { role: 'EDITOR', channels: ['nowhere'] }] }, 'grants[1].channels'],
      [{ grants: upTo(51).map(() => ({ role: 'EDITOR' as const, ...limits })) }, 'grants'],
    ] as const;
    for (const [input, field] of cases) {
      const refused = await expectRefusal(world, InvalidInput, () =>
        world.setMemberRole(world.admin, { member, ...input }),
      );
      expect(refused.field).toBe(field);
    }
  });

  it('refuses who is not there, who changes himself, who may not, and who gives more than he has', async () => {
    const person = await newMember();
    const { id: member } = person;
    for (const unknown of [v7(), 'no uuid'])
      await expectRefusal(world, NotFound, () =>
        world.setMemberRole(world.admin, { member: unknown, role: null }),
      );
    await expectRefusal(world, Forbidden, () => world.setMemberRole(person, { member, role: 'VIEWER' }));
    await expectRefusal(world, Forbidden, () => world.setMemberRole(person, { member, suspended: true }));
    await expectRefusal(world, Forbidden, () => world.setMemberRole(world.reader, { member, role: null }));
    const narrow = { ...world.admin, scopes: ['members:manage', 'registry:read', 'channels:read'] as const };
    await world.setMemberRole(narrow, { member, role: 'VIEWER' });
    await expectRefusal(world, Forbidden, () => world.setMemberRole(narrow, { member, role: 'ADMIN' }));
    await expectRefusal(world, Forbidden, () => world.setMemberRole(narrow, { member, grants }));
    expect(await rowOf(member)).toMatchObject({ role: 'VIEWER', grants: [] });
  });

  it('gives nobody more than the giver has, by a claim that counts again or a suspension that ends', async () => {
    const member = await newMember();
    await world.rows.member.updateMany({ where: { id: member.id }, data: { claimedRole: 'ADMIN' } });
    await world.setMemberRole(world.admin, { member: member.id, role: 'VIEWER' });
    const clerk = actorWith({ workspaceId: world.admin.workspaceId, scopes: ['members:manage'] });
    await expectRefusal(world, Forbidden, () =>
      world.setMemberRole(clerk, { member: member.id, role: null }),
    );
    await world.setMemberRole(world.admin, { member: member.id, role: 'ADMIN' });
    await world.setMemberRole(clerk, { member: member.id, suspended: true });
    expect((await rowOf(member.id)).suspendedAt).not.toBeNull();
    await expectRefusal(world, Forbidden, () =>
      world.setMemberRole(clerk, { member: member.id, suspended: false }),
    );
  });
});
