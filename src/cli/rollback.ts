import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { channelOption, parseVersion, waitOption } from './daily-options.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { LastMoveQuery, RollbackChannelMutation } from './generated/operations.ts';
import { ask, mutate, serverOf } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { confirm, MOVED_PROMOTION, moveRefusal, printMove } from './move.ts';
import type { MoveOptions } from './move.ts';
import { unknownChannel, unknownPrompt } from './near-names.ts';
import { inline, minute, note, print, printJson } from './output.ts';
import { planText, readPlan } from './promotion-plan.ts';

const LAST_MOVE = /* GraphQL */ `
  query LastMove($slug: String!, $channel: String!) {
    channel(name: $channel) {
      name
    }
    prompt(slug: $slug) {
      promotions(channel: $channel, first: 1) {
        edges {
          node {
            kind
            createdAt
            actor {
              name
            }
            version {
              number
            }
            previousVersion {
              number
            }
          }
        }
      }
    }
  }
`;
const ROLLBACK_CHANNEL = /* GraphQL */ `
  mutation RollbackChannel($input: RollbackChannelInput!, $waits: Boolean!) {
    rollbackChannel(input: $input) {
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
    }
  }
  ${MOVED_PROMOTION}
`;

const HELP = `
It goes back by one: to what the channel served before, or to what was withdrawn; --to N goes back to N, if the channel served it once.
First it reads what the channel serves, and sends that along: two people in an incident do not walk back two (5).`;

interface RollbackOptions extends MoveOptions {
  readonly to?: number;
}

type LastMove = NonNullable<LastMoveQuery['prompt']>['promotions']['edges'][number]['node'];

export function registerRollback(program: Command): void {
  program
    .command('rollback')
    .description('make a channel serve again what it served before')
    .argument('<slug>', 'which prompt')
    .addOption(channelOption('which channel goes back'))
    .option('--to <version>', 'the version to go back to', parseVersion)
    .option('--reason <text>', 'why')
    .option('--dry-run', 'show what would go back; nothing moves')
    .addOption(waitOption())
    .option('--yes', 'do not ask')
    .addHelpText('after', HELP)
    .action(async (slug: string, _options: unknown, command: Command) => {
      process.exitCode = await rollback(slug, command);
    });
}

async function rollback(slug: string, command: Command): Promise<ExitCode> {
  const options = command.optsWithGlobals<RollbackOptions>();
  const request = serverOf(command);
  const last = await readLastMove(request, slug, options.channel);
  const from = last.version?.number ?? null;
  const to = options.to ?? targetOf(last);
  if (options.dryRun === true) return preview(request, { slug, from, to }, options);
  if (options.json !== true) note(moveText({ slug, from, to }, last, options));
  await confirm('roll it back?', options);
  const input = {
    slug,
    channel: options.channel,
    toVersion: options.to,
    expectedVersion: from ?? 0,
    reason: options.reason,
    idempotencyKey: randomUUID(),
    waitForSubscribersMs: options.wait,
  };
  const variables = { input, waits: options.wait !== undefined };
  const { rollbackChannel: result } = await mutate<RollbackChannelMutation>(
    request,
    ROLLBACK_CHANNEL,
    variables,
  );
  if (result.__typename !== 'Promotion') throw moveRefusal(result, slug, options.channel);
  return printMove(result, options.json);
}

/** What the channel did last, and with that what it serves. @throws CliError when there is nothing to go back from */
async function readLastMove(request: Request, slug: string, channel: string): Promise<LastMove> {
  const answer = await ask<LastMoveQuery>(request, LAST_MOVE, { slug, channel });
  if (answer.channel === null) throw await unknownChannel(request, channel);
  if (answer.prompt === null) throw await unknownPrompt(request, slug);
  const [last] = answer.prompt.promotions.edges;
  if (last !== undefined) return last.node;
  throw new CliError(
    EXIT_CODE.REFUSED,
    `channel ${JSON.stringify(channel)} has served nothing of ${slug} yet: there is nothing to go back to`,
  );
}

/** Where the channel goes back to, as far as its last move tells: after a rollback, only the server knows. */
function targetOf({ kind, previousVersion }: LastMove): number | null {
  return kind === 'ROLLBACK' ? null : (previousVersion?.number ?? null);
}

interface Way {
  readonly slug: string;
  readonly from: number | null;
  readonly to: number | null;
}

function moveText({ slug, from, to }: Way, last: LastMove, { channel }: RollbackOptions): string {
  const since = `since ${minute(last.createdAt)}, ${last.kind} by ${inline(last.actor.name)}`;
  return `${slug}: ${channel} serves ${from ?? 'nothing'} (${since}) -> ${to ?? 'what it served before that'}`;
}

/** Nothing holds up a rollback: what would change is all that there is to see. */
async function preview(
  request: Request,
  { slug, from, to }: Way,
  { channel, json }: RollbackOptions,
): Promise<ExitCode> {
  const plan = to === null ? null : await readPlan(request, { slug, channel, version: to });
  if (json === true) printJson({ dryRun: true, slug, channel, from, to, diff: plan?.diff ?? null });
  else if (plan !== null && to !== null) print(`${planText({ slug, channel, version: to }, plan)}\n`);
  else
    print(
      `${slug}: ${channel} serves ${from ?? 'nothing'} -> what it served before that: \`promptforge history ${slug} --channel ${channel}\`\n`,
    );
  return EXIT_CODE.DONE;
}
