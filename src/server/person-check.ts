import { LRUCache } from 'lru-cache';
import type { App } from '../actions/app.ts';
import type { Reader } from '../db/client.ts';
import { findSeat } from '../db/credentials.ts';
import type { MemberRow, Seat } from '../db/credentials.ts';
import type { Actor, Grant } from '../domain/actor.ts';
import { Refusal } from '../domain/errors.ts';
import type { NewId } from '../domain/ids.ts';
import { isOpenWorkspace, workspaceOf } from '../domain/member-claims.ts';
import { grantsOfMember, highestRole, isMemberRole } from '../domain/member-role.ts';
import type { MemberRole } from '../domain/member-role.ts';
import type { Checked } from './api-key-check.ts';
import type { Caller } from './caller.ts';
import type { Log } from './log.ts';
import { endOfToken } from './oidc.ts';
import type { Oidc, Person } from './oidc.ts';

const REFRESH_EVERY_MS = 60_000;
const REFRESHED_MAX = 100_000;

export interface PersonCheckDeps {
  readonly oidc: Oidc;
  readonly reader: Reader;
  readonly app: Pick<App, 'joinWorkspace' | 'refreshMember'>;
  readonly newId: NewId;
  readonly log: Log;
}

/**
 * Who a token is in the workspace that it comes to. A token that is not good, a workspace that is not there, one where the person has no role
 * and one where it is suspended are the same: null.
 */
export function createPersonCheck(deps: PersonCheckDeps) {
  const { oidc, app, log } = deps;
  const refreshed = new LRUCache<string, true>({ max: REFRESHED_MAX, ttl: REFRESH_EVERY_MS });

  return async (token: string, caller: Caller): Promise<Checked | null> => {
    const person = await oidc.verify(token);
    if (person === null) return null;
    const slug = workspaceOf(caller.workspace, person.roles);
    if (!isOpenWorkspace(slug)) return null;
    const claimedRole = person.roles.get(slug) ?? null;
    const seat = await takeSeat(deps, { person, slug, claimedRole, caller });
    if (seat === null || seat.member === null) return null;
    const { workspaceId, member } = seat;
    const actor = actorOf(workspaceId, member, person, grantsOfMember({ ...member, claimedRole }));
    if (isNews(member, person, claimedRole) && !refreshed.has(member.id)) {
      refreshed.set(member.id, true);
      const { name, email } = person;
      app
        .refreshMember(caller.record?.(actor) ?? actor, { name, email, claimedRole })
        .catch((error: unknown) => {
          if (error instanceof Refusal)
            return log.debug({ reason: error.code }, 'a member was not refreshed');
          log.error({ err: error }, 'a member could not be refreshed');
        });
    }
    return actor.grants.length === 0 ? null : { actor, endsMs: endOfToken(person) };
  };
}

interface Arrival {
  readonly person: Person;
  readonly slug: string;
  readonly claimedRole: MemberRole | null;
  readonly caller: Caller;
}

/** The seat of a person, made at its first sign-in where its token gives it a role. @throws Unavailable */
async function takeSeat(
  { reader, app, newId }: PersonCheckDeps,
  { person, slug, claimedRole, caller }: Arrival,
): Promise<Seat | null> {
  const seat = await findSeat(reader, slug, person);
  if (seat === null || seat.member !== null || claimedRole === null) return seat;
  const { issuer, subject, name, email } = person;
  const grants = [{ role: claimedRole, prompts: null, channels: null }];
  const joining = actorOf(seat.workspaceId, { id: newId() }, person, grants);
  await app.joinWorkspace(caller.record?.(joining) ?? joining, { issuer, subject, name, email, claimedRole });
  return findSeat(reader, slug, person);
}

function actorOf(
  workspaceId: string,
  { id }: Pick<MemberRow, 'id'>,
  { name, expiresAt }: Person,
  grants: readonly Grant[],
): Actor {
  const role = highestRole(grants.map((grant) => grant.role).filter(isMemberRole)) ?? 'VIEWER';
  return { workspaceId, kind: 'USER', id, name, role, grants, scopes: null, expiresAt, origin: null };
}

function isNews(member: MemberRow, { name, email }: Person, claimedRole: MemberRole | null): boolean {
  return member.name !== name || member.email !== email || member.claimedRole !== claimedRole;
}
