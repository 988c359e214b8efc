import { createInterface } from 'node:readline/promises';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { MovedPromotionFragment } from './generated/operations.ts';
import { refusalOf } from './graph.ts';
import { counted, print, printJson } from './output.ts';

export const MOVED_PROMOTION = /* GraphQL */ `
  fragment MovedPromotion on Promotion {
    kind
    createdAt
    cursor
    reason
    channel {
      name
    }
    prompt {
      slug
    }
    version {
      number
    }
    previousVersion {
      number
    }
    rollout @include(if: $waits) {
      subscribers
      applied
      silent
    }
  }
`;

export interface MoveOptions {
  readonly channel: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  /** In milliseconds. */
  readonly wait?: number;
  readonly json?: boolean;
}

/** Asks on a terminal, unless told not to; a script is taken at its word: what it believes is served is checked anyway. */
export async function confirm(question: string, { yes, json }: MoveOptions): Promise<void> {
  if (yes === true || json === true || !process.stdin.isTTY) return;
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await dialogue.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(EXIT_CODE.FAULTS, 'nothing was changed');
  } finally {
    dialogue.close();
  }
}

/** Tells of a channel that moved, and who runs it, when that was waited for. */
export function printMove(promotion: MovedPromotionFragment, json: boolean | undefined): ExitCode {
  const { kind, createdAt: at, cursor, reason, rollout } = promotion;
  const [slug, channel] = [promotion.prompt.slug, promotion.channel.name];
  const [from, to] = [promotion.previousVersion?.number ?? null, promotion.version?.number ?? null];
  const waited = rollout === undefined ? {} : { rollout };
  if (json === true) printJson({ slug, channel, from, to, kind, at, reason, cursor, ...waited });
  else {
    print(`${slug}: ${channel} serves version ${to ?? 'nothing'} (before: ${from ?? 'nothing'})\n`);
    if (rollout !== undefined) print(`${rolloutText(rollout, to)}\n`);
  }
  return rollout === undefined || rollout.applied === rollout.subscribers ? EXIT_CODE.DONE : EXIT_CODE.FAULTS;
}

type Rollout = NonNullable<MovedPromotionFragment['rollout']>;

/** "41 of 42 subscribers run version 7". */
function rolloutText({ subscribers, applied, silent }: Rollout, version: number | null): string {
  const it = silent === 1 ? 'listens without saying what it runs' : 'listen without saying what they run';
  const others = silent === 0 ? '' : `; ${silent} ${it}`;
  if (subscribers === 0) return `no subscriber says what it runs${others}`;
  const run = subscribers === 1 ? 'runs' : 'run';
  return `${applied} of ${counted(subscribers, 'subscriber')} ${run} version ${version}${others}`;
}

interface MoveRefused {
  readonly __typename: string;
  readonly code?: string;
  readonly message?: string;
  readonly serving?: { readonly number: number } | null;
}

/** Why nothing moved, and what to do. */
export function moveRefusal(refused: MoveRefused, slug: string, channel: string): CliError {
  if (refused.__typename !== 'ChannelMoved') return refusalOf(refused);
  const now = refused.serving?.number;
  return refusalOf(
    refused,
    `somebody was faster: ${channel} serves ${now === undefined ? 'nothing' : `version ${now}`} now, nothing was changed. ` +
      `Look at it (promptforge history ${slug} --channel ${channel}), then run the command again`,
  );
}
