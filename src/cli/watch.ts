import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { commaList } from './comma-list.ts';
import type { Connection } from './connection.ts';
import { parseConnection } from './connection.ts';
import { channelOption } from './daily-options.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { WatchBeginningQuery } from './generated/operations.ts';
import { ask } from './graph.ts';
import { graphqlClient } from './graphql-client.ts';
import { unknownChannel } from './near-names.ts';
import { note, print, printJson } from './output.ts';
import { listenForStop } from './stop-signal.ts';
import { follow } from './watch-follow.ts';
import type { WatchedCommit } from './watch-follow.ts';
import { duration, moveLine, movesOf } from './watch-line.ts';

const WATCH_BEGINNING = /* GraphQL */ `
  query WatchBeginning($channel: String!) {
    viewer {
      scopes
    }
    workspace {
      headCursor
    }
    channel(name: $channel) {
      name
    }
  }
`;

const RETRY_BASE_MS = 1_000;

const HELP = `
One line a move: when, which prompt, from which version to which, how, by whom and why, and in brackets how long it took from the server's
record of the move, by the server's clock, to this line, by the clock of this machine: clocks that differ show in it.
It goes on through restarts of the server and lost connections, and says so on standard error; no move is lost and none told twice.
--json prints one object a line; the cursor of the last one is what --since takes to go on behind it. Ctrl-C ends it with 0.`;

export interface WatchOptions {
  readonly channel: string;
  readonly prompts?: readonly string[];
  readonly since?: string;
  readonly json?: boolean;
  readonly retryBaseMs?: number;
}

export function registerWatch(program: Command): void {
  program
    .command('watch')
    .description('follow a channel live: what moved, from, to, by whom, how long it took')
    .addOption(channelOption('which channel'))
    .option(
      '--prompts <patterns>',
      'only these slugs and folders ("support/*"), separated by commas',
      commaList,
    )
    .option('--since <cursor>', 'begin behind this cursor instead of now')
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<WatchOptions>();
      await watch(parseConnection(command.optsWithGlobals()), options, listenForStop().signal);
    });
}

/** Prints moves until the signal. @throws CliError when there is nothing to follow */
export async function watch(
  connection: Connection,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { channel, prompts = null, retryBaseMs = RETRY_BASE_MS } = options;
  const after = await beginning(connection, options);
  note(
    `watching ${channel} ${options.since === undefined ? 'from now on' : 'since the cursor'}; Ctrl-C ends it`,
  );
  const commits = follow({
    connection,
    watched: { channel, prompts, after },
    signal,
    retryBaseMs,
    onLost: (reason) => note(`connection lost (${reason}): trying again`),
    onBack: (afterMs) => note(`connected again after ${duration(afterMs)}; what happened meanwhile follows`),
  });
  for await (const commit of commits) tell(commit, options);
  process.exitCode = EXIT_CODE.DONE;
}

/** Where to begin; asked for over HTTP, which says best what is wrong with the address, the key or the channel. */
async function beginning(connection: Connection, { channel, since }: WatchOptions): Promise<string> {
  const request = graphqlClient(connection);
  const answer = await ask<WatchBeginningQuery>(request, WATCH_BEGINNING, { channel });
  if (!answer.viewer.scopes.includes('registry:read')) {
    throw new CliError(
      EXIT_CODE.UNAUTHORISED,
      'this API key may not read who moved what, and why: watch needs one with the scope registry:read',
    );
  }
  if (answer.channel === null) throw await unknownChannel(request, channel);
  return since ?? answer.workspace.headCursor;
}

function tell(commit: WatchedCommit, { channel, json }: WatchOptions): void {
  const arrivedAt = Date.now();
  for (const frame of commit.frames) {
    if (frame.__typename === 'ChannelSnapshot' && frame.part === 1) {
      note(
        `the server cannot tell what happened since the last line (${frame.reason}): moves may be missing here`,
      );
    }
  }
  for (const move of movesOf(commit, channel, arrivedAt)) {
    if (json === true) printJson(move);
    else print(`${moveLine(move, arrivedAt)}\n`);
  }
}
