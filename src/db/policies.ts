import type { Policy, PromoterRole } from '../domain/policy.ts';
import { decidingPolicy } from '../domain/policy.ts';
import type { LockedChannel } from './locks.ts';
import type { Tx } from './transaction.ts';

export interface StoredPolicy extends Policy {
  readonly id: string;
  readonly pattern: string;
}

/** The policies of a channel, which the caller has locked. */
export async function listPolicies(
  tx: Tx,
  workspaceId: string,
  channel: LockedChannel,
): Promise<StoredPolicy[]> {
  const rows = await tx.channelPolicy.findMany({
    where: { workspaceId, channelId: channel.id },
    include: { soakChannel: { select: { name: true } } },
  });
  return rows.map((row) => ({
    id: row.id,
    pattern: row.pattern,
    // The database's check: RELEASER or ADMIN.
    promoterRole: row.promoterRole as PromoterRole,
    approvals: row.approvals,
    selfApproval: row.selfApproval,
    rejectionBlocks: row.rejectionBlocks,
    reasonRequired: row.reasonRequired,
    soak: row.soakChannel === null ? null : { channel: row.soakChannel.name, minutes: row.soakMinutes },
    autoApply: row.autoApply,
    requestHours: row.requestHours,
  }));
}

/** What the trail says of a policy. */
export function policyFacts(policy: StoredPolicy | null): Readonly<Record<string, unknown>> | null {
  if (policy === null) return null;
  const { id: _id, pattern: _pattern, ...facts } = policy;
  return facts;
}

/** The channels on which a prompt of the one slug is decided on by another policy than one of the other, by name. */
export async function channelsDecidedOtherwise(
  tx: Tx,
  workspaceId: string,
  one: string,
  other: string,
): Promise<string[]> {
  const rows = await tx.channelPolicy.findMany({
    where: { workspaceId },
    select: { id: true, pattern: true, channel: { select: { name: true } } },
  });
  const names = [...new Set(rows.map(({ channel }) => channel.name))].toSorted();
  return names.filter((name) => {
    const policies = rows.filter(({ channel }) => channel.name === name);
    return decidingPolicy(policies, one)?.id !== decidingPolicy(policies, other)?.id;
  });
}

/** Of these channels, by name, those that demand something of a prompt of this slug. */
export async function channelsWithPolicy(
  tx: Tx,
  workspaceId: string,
  slug: string,
  channels: readonly string[],
): Promise<string[]> {
  const rows = await tx.channelPolicy.findMany({
    where: { workspaceId, channel: { name: { in: [...channels] } } },
    select: { id: true, pattern: true, channel: { select: { name: true } } },
  });
  return channels.filter(
    (name) =>
      decidingPolicy(
        rows.filter(({ channel }) => channel.name === name),
        slug,
      ) !== null,
  );
}
