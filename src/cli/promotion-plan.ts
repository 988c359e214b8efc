import type { PlanPromotionQuery } from './generated/operations.ts';
import { changesText } from './diff.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { ask } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { unknownPrompt } from './near-names.ts';
import { minute, paint } from './output.ts';

const PLAN_PROMOTION = /* GraphQL */ `
  query PlanPromotion($slug: String!, $channel: String!, $version: Int!) {
    prompt(slug: $slug) {
      promotionPlan(channel: $channel, version: $version) {
        version {
          number
          contentHash
        }
        serving {
          number
          contentHash
        }
        diff {
          unified
          added
          removed
          tooDifferent
          configChanged
          variablesAdded
          variablesRemoved
        }
        blockers {
          code
          message
          slug
          have
          need
          channel
          until
        }
        approvers {
          kind
          name
        }
        request {
          id
          approvals {
            have
            need
            rejections
          }
        }
      }
    }
  }
`;

export type Plan = NonNullable<PlanPromotionQuery['prompt']>['promotionPlan'];
export type Blocker = Plan['blockers'][number];

/** What is to be moved where. */
export interface Aim {
  readonly slug: string;
  readonly channel: string;
  readonly version: number;
}

/** @throws CliError when there is no such prompt, version or channel */
export async function readPlan(request: Request, { slug, channel, version }: Aim): Promise<Plan> {
  const { prompt } = await ask<PlanPromotionQuery>(request, PLAN_PROMOTION, { slug, channel, version });
  if (prompt === null) throw await unknownPrompt(request, slug);
  return prompt.promotionPlan;
}

/** What stays in the way when the reason that the policy demands is given. */
export function blockersOf({ blockers }: Plan, reason: string | undefined): readonly Blocker[] {
  return reason === undefined ? blockers : blockers.filter(({ code }) => code !== 'REASON_REQUIRED');
}

/** One line: from what to what, and how much changes. */
export function planText(
  { slug, channel, version }: Aim,
  { serving, diff }: Pick<Plan, 'serving' | 'diff'>,
): string {
  const changes = diff === null ? '' : ` (${changesText(diff)})`;
  return paint('bold', `${slug}: ${channel} serves ${serving?.number ?? 'nothing'} -> ${version}`) + changes;
}

/** Every reason why a channel does not move, and what to do about each. */
export function blockedText(aim: Aim, blockers: readonly Blocker[]): string {
  const lines = blockers.flatMap((blocker) => {
    const advice = adviceFor(aim, blocker);
    return [`  ${blocker.message}`, ...(advice === '' ? [] : [`    ${advice}`])];
  });
  return [`error: ${aim.channel} does not move to version ${aim.version} of ${aim.slug}:`, ...lines].join(
    '\n',
  );
}

/** Who lacks the permission alone is told so by the exit code. */
export function blockedExitCode(blockers: readonly Blocker[]): ExitCode {
  return blockers.every(({ code }) => code === 'NOT_PERMITTED') ? EXIT_CODE.UNAUTHORISED : EXIT_CODE.REFUSED;
}

function adviceFor({ slug, channel, version }: Aim, { code, until, channel: other }: Blocker): string {
  const promote = `promptforge promote ${slug} ${version} --channel ${channel}`;
  switch (code) {
    case 'APPROVALS_MISSING':
    case 'NOT_PERMITTED':
    case 'NOT_PROMOTER':
      return `ask for it: ${promote} --request --reason "..."`;
    case 'REASON_REQUIRED':
      return `say why: ${promote} --reason "..."`;
    case 'SOAK_TIME':
      if (until !== null) return `try again after ${minute(until)}`;
      return `first: promptforge promote ${slug} ${version} --channel ${other ?? 'canary'}`;
    case 'CHANNEL_MOVED':
      return `look at what it serves now: promptforge history ${slug} --channel ${channel}`;
    case 'REJECTED':
      return `save a version that the reviewers accept: promptforge edit ${slug}`;
    case 'PROMPT_ARCHIVED':
      return 'take it out of the archive first (mutation restorePrompt)';
    default:
      return '';
  }
}
