import { can } from './actor.ts';
import type { Actor, Target } from './actor.ts';
import { isChannelName, LATEST } from './channel.ts';
import { requirePattern } from './channel-topic.ts';
import { InvalidInput } from './errors.ts';
import { patternCovers } from './patterns.ts';

/** What covers every prompt of the workspace. */
export const EVERY_PROMPT = '*';
export const POLICIES_MAX = 100;
const APPROVALS_MAX = 5;
const SOAK_MINUTES_MAX = 30 * 24 * 60;
const REQUEST_HOURS_MAX = 90 * 24;

export type PromoterRole = 'RELEASER' | 'ADMIN';

/** The version must have been served by another channel for so long, without a break, up to now. */
interface Soak {
  readonly channel: string;
  readonly minutes: number;
}

/** Everything that a channel demands before it moves by a promotion, for the prompts of a pattern. */
export interface Policy {
  /** The least role that may promote. */
  readonly promoterRole: PromoterRole;
  readonly approvals: number;
  /** Whether the approvals of who asked, and of the author of the version, count. */
  readonly selfApproval: boolean;
  readonly rejectionBlocks: boolean;
  readonly reasonRequired: boolean;
  readonly soak: Soak | null;
  /** Whether the review that meets the policy moves the channel. */
  readonly autoApply: boolean;
  /** How long a request may stay open. */
  readonly requestHours: number;
}

/** What decides where no policy was set: nothing is demanded of a promotion. */
export const DEFAULT_POLICY: Policy = {
  promoterRole: 'RELEASER',
  approvals: 0,
  selfApproval: false,
  rejectionBlocks: true,
  reasonRequired: false,
  soak: null,
  autoApply: true,
  requestHours: 168,
};

/** As it comes from outside: what is left out is as in DEFAULT_POLICY. */
export interface PolicyInput {
  readonly promoterRole?: PromoterRole | null | undefined;
  readonly approvals?: number | null | undefined;
  readonly selfApproval?: boolean | null | undefined;
  readonly rejectionBlocks?: boolean | null | undefined;
  readonly reasonRequired?: boolean | null | undefined;
  readonly soak?: Soak | null | undefined;
  readonly autoApply?: boolean | null | undefined;
  readonly requestHours?: number | null | undefined;
}

/** "*", a folder ("support/*") or a slug. @throws InvalidInput */
export function requirePolicyPattern(pattern: string): string {
  if (pattern !== EVERY_PROMPT) requirePattern('pattern', pattern);
  return pattern;
}

/** @throws InvalidInput naming the field. `channel`: the one that the policy is of. */
export function parsePolicy(channel: string, input: PolicyInput): Policy {
  return {
    promoterRole: input.promoterRole ?? DEFAULT_POLICY.promoterRole,
    approvals: between('approvals', input.approvals ?? DEFAULT_POLICY.approvals, 0, APPROVALS_MAX),
    selfApproval: input.selfApproval ?? DEFAULT_POLICY.selfApproval,
    rejectionBlocks: input.rejectionBlocks ?? DEFAULT_POLICY.rejectionBlocks,
    reasonRequired: input.reasonRequired ?? DEFAULT_POLICY.reasonRequired,
    soak: input.soak ? parseSoak(channel, input.soak) : null,
    autoApply: input.autoApply ?? DEFAULT_POLICY.autoApply,
    requestHours: between(
      'requestHours',
      input.requestHours ?? DEFAULT_POLICY.requestHours,
      1,
      REQUEST_HOURS_MAX,
    ),
  };
}

/** The policy that decides for a slug, alone: its own, otherwise the one of the longest folder; null: none covers it. */
export function decidingPolicy<P extends { readonly pattern: string }>(
  policies: readonly P[],
  slug: string,
): P | null {
  const rank = ({ pattern }: P) => (pattern === slug ? Number.POSITIVE_INFINITY : pattern.length);
  const covering = policies.filter(({ pattern }) => policyCovers(pattern, slug));
  return covering.reduce<P | null>(
    (best, policy) => (best === null || rank(policy) > rank(best) ? policy : best),
    null,
  );
}

function policyCovers(pattern: string, slug: string): boolean {
  return pattern === EVERY_PROMPT || patternCovers(pattern, slug);
}

/** Whether one of the actor's roles there is at least what the policy demands of who promotes. */
export function isPromoter(actor: Actor, { promoterRole }: Policy, target: Target): boolean {
  if (promoterRole === 'RELEASER') return true;
  const grants = actor.grants.filter(({ role }) => role === 'ADMIN');
  return can({ ...actor, grants, scopes: null }, 'channels:promote', target);
}

function parseSoak(channel: string, soak: Soak): Soak {
  if (!isChannelName(soak.channel) || soak.channel === LATEST || soak.channel === channel) {
    throw new InvalidInput(
      'soak.channel',
      'is another channel that is moved by promotions, such as "canary"',
    );
  }
  return { channel: soak.channel, minutes: between('soak.minutes', soak.minutes, 1, SOAK_MINUTES_MAX) };
}

function between(field: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidInput(field, `is ${value}, a whole number from ${min} to ${max} is allowed`);
}
