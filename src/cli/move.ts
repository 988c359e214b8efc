import { createInterface } from 'node:readline/promises';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { MovedPromotionFragment } from './generated/operations.ts';
import { refusalOf } from './graph.ts';
import { print, printJson } from './output.ts';

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
  }
`;

export interface MoveOptions {
  readonly channel: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
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

/** Tells of a channel that moved. */
export function printMove(promotion: MovedPromotionFragment, json: boolean | undefined): void {
  const { kind, createdAt: at, cursor, reason } = promotion;
  const [slug, channel] = [promotion.prompt.slug, promotion.channel.name];
  const [from, to] = [promotion.previousVersion?.number ?? null, promotion.version?.number ?? null];
  if (json === true) printJson({ slug, channel, from, to, kind, at, reason, cursor });
  else print(`${slug}: ${channel} serves version ${to ?? 'nothing'} (before: ${from ?? 'nothing'})\n`);
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
