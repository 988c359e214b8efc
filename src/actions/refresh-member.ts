import type { Actor } from '../domain/actor.ts';
import type { MemberRole } from '../domain/member-role.ts';
import { lockMember } from '../db/members.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

/** What a newer token says of a member. */
export interface RefreshMemberInput {
  readonly name: string;
  readonly email: string | null;
  readonly claimedRole: MemberRole | null;
}

/** Keeps what the issuer says of a member; `actor` is the member. What has not changed is not told. @throws NotFound, Unavailable */
export async function refreshMember(
  deps: ActionDeps,
  actor: Actor,
  input: RefreshMemberInput,
): Promise<void> {
  await inTransaction(deps, actor, async (tx) => {
    const { workspaceId, id } = actor;
    const row = await lockMember(tx, workspaceId, id);
    const fields = (['name', 'email', 'claimedRole'] as const).filter((field) => row[field] !== input[field]);
    const { name, email, claimedRole } = input;
    await tx.member.updateMany({
      where: { workspaceId, id },
      data: { name, email, claimedRole, lastSeenAt: deps.clock() },
    });
    if (fields.length === 0) return { answer: undefined, events: [] };
    const of = (facts: RefreshMemberInput) =>
      Object.fromEntries(fields.map((field) => [field, facts[field]]));
    const change = {
      before: of({ ...row, claimedRole: row.claimedRole as MemberRole | null }),
      after: of(input),
    };
    return {
      answer: undefined,
      events: [{ payload: { type: 'MemberChanged', memberId: id, name, ...change } }],
    };
  });
}
