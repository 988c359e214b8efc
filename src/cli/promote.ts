import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { channelOption, waitOption } from './daily-options.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { PromoteVersionMutation } from './generated/operations.ts';
import { mutate, serverOf, usage } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { confirm, MOVED_PROMOTION, moveRefusal, printMove } from './move.ts';
import type { MoveOptions } from './move.ts';
import { note, print, printJson } from './output.ts';
import { blockedExitCode, blockedText, blockersOf, planText, readPlan } from './promotion-plan.ts';
import type { Aim, Blocker, Plan } from './promotion-plan.ts';
import { requestPromotion } from './promotion-request.ts';
import { numberOf, parseVersionRef } from './version-ref.ts';

const PROMOTE_VERSION = /* GraphQL */ `
  mutation PromoteVersion($input: PromoteVersionInput!, $waits: Boolean!) {
    promoteVersion(input: $input) {
      __typename
      ... on Promotion {
        ...MovedPromotion
      }
      ... on Error {
        code
        message
      }
      ... on ChannelMoved {
        serving {
          number
        }
      }
      ... on PromotionBlocked {
        blockers {
          code
          message
          slug
          have
          need
          channel
          until
        }
      }
    }
  }
  ${MOVED_PROMOTION}
`;

const HELP = `
First it reads what the channel serves, and sends that along: when somebody else moves the channel meanwhile, nothing is changed (5).
What stands in the way is told all at once, with what to do about it. On a terminal it asks before it moves anything.`;

interface PromoteOptions extends MoveOptions {
  readonly request?: boolean;
}

export function registerPromote(program: Command): void {
  program
    .command('promote')
    .description('make a channel serve a version of a prompt')
    .argument('<slug>', 'which prompt')
    .argument('[version]', 'the number of the version, or the channel that serves it', 'latest')
    .addOption(channelOption('which channel shall serve it'))
    .option('--reason <text>', 'why; some channels demand it')
    .option(
      '--dry-run',
      'show what would change and what is in the way; nothing moves (5 when something is in the way)',
    )
    .option('--request', 'ask the reviewers for it in place of doing it')
    .addOption(waitOption())
    .option('--yes', 'do not ask')
    .addHelpText('after', HELP)
    .action(async (slug: string, version: string, _options: unknown, command: Command) => {
      process.exitCode = await promote(slug, version, command);
    });
}

async function promote(slug: string, version: string, command: Command): Promise<ExitCode> {
  const options = command.optsWithGlobals<PromoteOptions>();
  const ref = parseVersionRef(version);
  if (options.request === true && options.dryRun === true)
    throw usage('give --request or --dry-run, not both');
  const request = serverOf(command);
  const aim = { slug, channel: options.channel, version: await numberOf(request, slug, ref) };
  const plan = await readPlan(request, aim);
  if (plan.serving?.number === aim.version) return alreadyServed(aim, options);
  if (options.request === true) return requestPromotion(request, aim, options);
  const blockers = blockersOf(plan, options.reason);
  if (options.dryRun === true) return reportPlan(aim, plan, blockers, options);
  if (blockers.length > 0) return reportBlocked(aim, plan, blockers, options);
  if (options.json !== true) note(planText(aim, plan));
  await confirm('promote it?', options);
  return move(request, aim, plan, options);
}

async function move(request: Request, aim: Aim, plan: Plan, options: PromoteOptions): Promise<ExitCode> {
  const input = {
    ...aim,
    expectedVersion: plan.serving?.number ?? 0,
    reason: options.reason,
    idempotencyKey: randomUUID(),
    waitForSubscribersMs: options.wait,
  };
  const variables = { input, waits: options.wait !== undefined };
  const { promoteVersion: result } = await mutate<PromoteVersionMutation>(
    request,
    PROMOTE_VERSION,
    variables,
  );
  if (result.__typename === 'PromotionBlocked') return reportBlocked(aim, plan, result.blockers, options);
  if (result.__typename !== 'Promotion') throw moveRefusal(result, aim.slug, aim.channel);
  return printMove(result, options.json);
}

function alreadyServed({ slug, channel, version }: Aim, { json }: PromoteOptions): ExitCode {
  if (json === true) printJson({ slug, channel, from: version, to: version, kind: null });
  else print(`${slug}: ${channel} serves version ${version} already, nothing was changed\n`);
  return EXIT_CODE.DONE;
}

function reportPlan(aim: Aim, plan: Plan, blockers: readonly Blocker[], { json }: PromoteOptions): ExitCode {
  if (json === true) printJson({ dryRun: true, ...planJson(aim, plan, blockers) });
  else {
    print(`${planText(aim, plan)}\n`);
    if (blockers.length > 0) note(blockedText(aim, blockers));
  }
  return blockers.length === 0 ? EXIT_CODE.DONE : blockedExitCode(blockers);
}

function reportBlocked(
  aim: Aim,
  plan: Plan,
  blockers: readonly Blocker[],
  { json }: PromoteOptions,
): ExitCode {
  if (json === true) printJson(planJson(aim, plan, blockers));
  note(blockedText(aim, blockers));
  return blockedExitCode(blockers);
}

function planJson({ slug, channel, version }: Aim, plan: Plan, blockers: readonly Blocker[]): object {
  const { serving, diff, request, approvers } = plan;
  const from = serving?.number ?? null;
  return {
    slug,
    channel,
    from,
    to: version,
    allowed: blockers.length === 0,
    blockers,
    approvers,
    request,
    diff,
  };
}
