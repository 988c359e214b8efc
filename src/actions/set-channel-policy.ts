import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { ChannelNotFound, requireMovable } from '../domain/channel.ts';
import { InvalidInput } from '../domain/errors.ts';
import { EVERY_PROMPT, parsePolicy, POLICIES_MAX, requirePolicyPattern } from '../domain/policy.ts';
import type { Policy, PolicyInput } from '../domain/policy.ts';
import { lockChannel } from '../db/locks.ts';
import type { LockedChannel } from '../db/locks.ts';
import { listPolicies, policyFacts } from '../db/policies.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps, Outcome, Tx } from '../db/transaction.ts';

export interface SetChannelPolicyInput extends PolicyInput {
  readonly channel: string;
  readonly pattern?: string | null | undefined;
}

/**
 * Says what a channel demands before it moves, for the prompts of a pattern, from the next promotion on. What is left out is as where no
 * policy is set. Setting what is set changes nothing.
 * @returns the policy's id.
 * @throws ChannelNotFound, ChannelReserved, InvalidInput, Forbidden, Unavailable
 */
export async function setChannelPolicy(
  deps: ActionDeps,
  actor: Actor,
  input: SetChannelPolicyInput,
): Promise<string> {
  requireCan(actor, 'channels:manage');
  const channel = requireMovable(input.channel);
  const pattern = requirePolicyPattern(input.pattern ?? EVERY_PROMPT);
  const policy = parsePolicy(channel, input);
  return inTransaction(deps, actor, async (tx) =>
    write(deps, tx, actor, {
      channel: await lockChannel(tx, actor.workspaceId, channel),
      pattern,
      policy,
    }),
  );
}

interface Setting {
  readonly channel: LockedChannel;
  readonly pattern: string;
  readonly policy: Policy;
}

async function write(
  deps: ActionDeps,
  tx: Tx,
  { workspaceId }: Actor,
  { channel, pattern, policy }: Setting,
): Promise<Outcome<string>> {
  const policies = await listPolicies(tx, workspaceId, channel);
  const before = policies.find((known) => known.pattern === pattern) ?? null;
  if (before === null && policies.length >= POLICIES_MAX)
    throw new InvalidInput('pattern', `a channel has at most ${POLICIES_MAX} policies`);
  const after = { ...policy, id: before?.id ?? deps.newId(), pattern };
  const facts = { before: policyFacts(before), after: policyFacts(after) };
  if (JSON.stringify(facts.before) === JSON.stringify(facts.after)) return { answer: after.id, events: [] };
  const { soak, ...columns } = policy;
  const now = deps.clock();
  const data = {
    ...columns,
    soakChannelId: await soakChannelId(tx, workspaceId, policy),
    soakMinutes: soak?.minutes ?? 0,
    updatedAt: now,
  };
  const key = { workspaceId, id: after.id };
  await tx.channelPolicy.upsert({
    where: { workspaceId_id: key },
    create: { ...key, channelId: channel.id, pattern, createdAt: now, ...data },
    update: data,
  });
  const payload = { type: 'ChannelPolicyChanged', channel: channel.name, pattern, ...facts } as const;
  return { answer: after.id, events: [{ payload }] };
}

async function soakChannelId(tx: Tx, workspaceId: string, { soak }: Policy): Promise<string | null> {
  if (soak === null) return null;
  const found = await tx.channel.findUnique({
    where: { workspaceId_name: { workspaceId, name: soak.channel } },
    select: { id: true },
  });
  if (found === null) throw new ChannelNotFound(soak.channel);
  return found.id;
}
