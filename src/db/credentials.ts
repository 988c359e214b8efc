import type { Scope } from '../domain/actor-role.ts';
import type { Rights } from '../domain/actor-escalation.ts';
import { storedGrants } from '../domain/member-role.ts';
import type { MemberFacts } from '../domain/member-role.ts';
import type { Reader } from './client.ts';
import type { PrismaClient } from './generated/prisma/client.ts';

export type KeyRow = NonNullable<Awaited<ReturnType<typeof findKey>>>;

/** The key with this secret, the present one or the one before its last rotation; revoked and expired ones too. */
export async function findKey(reader: Reader, hash: Uint8Array) {
  const secretHash = new Uint8Array(hash);
  return reader.apiKey.findFirst({ where: { OR: [{ secretHash }, { previousSecretHash: secretHash }] } });
}

/** Scopes and limits are written by us alone, and checked before. */
export function rightsOfKey(row: Pick<KeyRow, 'scopes' | 'prompts' | 'channels'>): Rights {
  return {
    scopes: row.scopes as Scope[],
    prompts: row.prompts as string[] | null,
    channels: row.channels as string[] | null,
  };
}

export interface MemberRow extends MemberFacts {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly lastSeenAt: Date;
}

export interface Seat {
  readonly workspaceId: string;
  /** Null: the person has never signed in there. */
  readonly member: MemberRow | null;
}

/** A workspace by its slug, with the member that a person is there, in one statement; null: no such workspace. */
export async function findSeat(
  reader: Reader,
  slug: string,
  { issuer, subject }: { readonly issuer: string; readonly subject: string },
): Promise<Seat | null> {
  const row = await reader.workspace.findUnique({
    where: { slug },
    relationLoadStrategy: 'join',
    select: { id: true, members: { where: { issuer, subject }, take: 1 } },
  });
  if (row === null) return null;
  const [member] = row.members;
  const found = member === undefined ? null : { ...member, grants: storedGrants(member.grants) };
  return { workspaceId: row.id, member: found };
}

/** One use of a key or sign-in of a member. */
export interface Use {
  readonly workspaceId: string;
  readonly id: string;
  readonly atMs: number;
}

/**
 * Notes when keys were used last. Rows that somebody is changing are left out: a time that is a minute old is not worth waiting for, and
 * nodes that wrote to the same rows in another order would wait for each other.
 */
export async function noteKeyUses(writer: PrismaClient, uses: readonly Use[]): Promise<void> {
  const { workspaceIds, ids, times } = columnsOf(uses);
  await writer.$executeRaw`
    UPDATE "api_key" k SET last_used_at = greatest(k.last_used_at, used.at)
    FROM (
      SELECT locked.workspace_id, locked.id, to_timestamp(u.at_ms / 1000) AS at
      FROM unnest(${workspaceIds}::uuid[], ${ids}::uuid[], ${times}::float8[]) AS u(workspace_id, id, at_ms)
      JOIN "api_key" locked ON locked.workspace_id = u.workspace_id AND locked.id = u.id
      FOR NO KEY UPDATE OF locked SKIP LOCKED
    ) AS used
    WHERE k.workspace_id = used.workspace_id AND k.id = used.id`;
}

/** As noteKeyUses, for when members were seen last. */
export async function noteMemberUses(writer: PrismaClient, uses: readonly Use[]): Promise<void> {
  const { workspaceIds, ids, times } = columnsOf(uses);
  await writer.$executeRaw`
    UPDATE "member" m SET last_seen_at = greatest(m.last_seen_at, used.at)
    FROM (
      SELECT locked.workspace_id, locked.id, to_timestamp(u.at_ms / 1000) AS at
      FROM unnest(${workspaceIds}::uuid[], ${ids}::uuid[], ${times}::float8[]) AS u(workspace_id, id, at_ms)
      JOIN "member" locked ON locked.workspace_id = u.workspace_id AND locked.id = u.id
      FOR NO KEY UPDATE OF locked SKIP LOCKED
    ) AS used
    WHERE m.workspace_id = used.workspace_id AND m.id = used.id`;
}

function columnsOf(uses: readonly Use[]) {
  return {
    workspaceIds: uses.map(({ workspaceId }) => workspaceId),
    ids: uses.map(({ id }) => id),
    times: uses.map(({ atMs }) => atMs),
  };
}
