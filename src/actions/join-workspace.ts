import type { Actor } from '../domain/actor.ts';
import type { MemberRole } from '../domain/member-role.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

/** Who a person is, as the issuer of its tokens says. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly email: string | null;
  readonly claimedRole: MemberRole;
}

/**
 * The first sign-in of a person in the workspace that its token gives it a role in. `actor` is the person, with the id that it gets.
 * Several at once make one member.
 * @throws Unavailable
 */
export async function joinWorkspace(deps: ActionDeps, actor: Actor, identity: Identity): Promise<void> {
  const { workspaceId, id } = actor;
  const { issuer, subject, name, email, claimedRole } = identity;
  await inTransaction(
    deps,
    actor,
    async (tx) => {
      const key = { workspaceId_issuer_subject: { workspaceId, issuer, subject } };
      const existing = await tx.member.findUnique({ where: key, select: { id: true } });
      if (existing !== null) return { answer: undefined, events: [] };
      const now = deps.clock();
      await tx.member.createMany({
        data: { workspaceId, id, issuer, subject, name, email, claimedRole, createdAt: now, lastSeenAt: now },
      });
      const after = { issuer, subject, email, claimedRole };
      return {
        answer: undefined,
        events: [{ payload: { type: 'MemberJoined', memberId: id, name, after } }],
      };
    },
    isUniqueViolation,
  );
}
