import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { channelOption, parseVersion } from './daily-options.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { ShowVersionQuery } from './generated/operations.ts';
import { ask, serverOf, usage } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { unknownPrompt } from './near-names.ts';
import { inline, isTerminal, minute, paint, print, printJson } from './output.ts';
import { messagesOf, onScreen, readable } from './shown-text.ts';

const SHOW_VERSION = /* GraphQL */ `
  query ShowVersion($slug: String!, $number: Int, $channel: String) {
    prompt(slug: $slug) {
      slug
      kind
      description
      owner
      tags
      archivedAt
      version(number: $number, channel: $channel) {
        number
        contentHash
        createdAt
        message
        author {
          kind
          name
        }
        template
        messages {
          role
          name
          content
        }
        config
        variables {
          name
          type
          required
          default
          description
          options
          declared
        }
        channels {
          name
        }
      }
    }
  }
`;

const HELP = `
Without --version it is the version that the channel serves. Nothing falls back: when the channel serves none, that is an error (5).
Into a pipe or a file goes exactly the text and nothing else. A terminal gets a head above it, and control characters made visible.
CHAT messages are shown one after the other, each under a line such as [1] SYSTEM; --raw prints them as JSON.`;

/** Which version is meant: by its number, or by the channel that serves it. */
export interface VersionChoice {
  readonly version?: number;
  readonly channel: string;
}

interface ShowOptions extends VersionChoice {
  readonly raw?: boolean;
  readonly json?: boolean;
}

export type ShownPrompt = NonNullable<ShowVersionQuery['prompt']>;
export type ShownVersion = NonNullable<ShownPrompt['version']>;

export function registerShow(program: Command): void {
  addVersionChoice(
    program
      .command('show')
      .description('show a version of a prompt: its text, and where it stands')
      .argument('<slug>', 'which prompt'),
  )
    .option('--raw', 'exactly the bytes of the text (CHAT: JSON), also on a terminal')
    .addHelpText('after', HELP)
    .action(async (slug: string, _options: unknown, command: Command) => show(slug, command));
}

/** `--version` and `--channel`, of which one is given at most. */
export function addVersionChoice(command: Command): Command {
  return command
    .option('--version <n>', 'the version of this number', parseVersion)
    .addOption(channelOption('the version that this channel serves').conflicts('version'));
}

async function show(slug: string, command: Command): Promise<void> {
  const options = command.optsWithGlobals<ShowOptions>();
  if (options.raw === true && options.json === true) throw usage('give --raw or --json, not both');
  const prompt = await readVersion(serverOf(command), slug, options);
  if (options.json === true) printJson(asJson(prompt, options));
  else if (options.raw === true) print(rawText(prompt.version));
  else if (isTerminal()) print(`${head(prompt, options)}\n${onScreen(readable(prompt.version))}`);
  else print(readable(prompt.version));
}

/** @throws CliError when there is no such prompt, or no such version of it */
export async function readVersion(
  request: Request,
  slug: string,
  { version: number, channel }: VersionChoice,
): Promise<ShownPrompt & { readonly version: ShownVersion }> {
  const choice = number === undefined ? { channel } : { number };
  const { prompt } = await ask<ShowVersionQuery>(request, SHOW_VERSION, { slug, ...choice });
  if (prompt === null) throw await unknownPrompt(request, slug);
  const { version } = prompt;
  if (version !== null) return { ...prompt, version };
  if (number !== undefined) {
    throw new CliError(
      EXIT_CODE.REFUSED,
      `${slug} has no version ${number}: \`promptforge history ${slug}\` shows which there are`,
    );
  }
  throw new CliError(
    EXIT_CODE.REFUSED,
    `channel ${JSON.stringify(channel)} serves no version of ${slug}: \`--channel latest\` has the newest one`,
  );
}

function rawText({ template, messages }: ShownVersion): string {
  return template ?? `${JSON.stringify(messagesOf({ messages }))}\n`;
}

function head(
  { slug, kind, tags, owner, archivedAt, version }: ShownPrompt & { version: ShownVersion },
  choice: VersionChoice,
): string {
  const { number, createdAt, author, message, channels, variables, config } = version;
  const served = channels.map(({ name }) => name).join(', ') || 'no channel';
  const why = choice.version === undefined ? `, what ${choice.channel} serves` : '';
  const facts: readonly (readonly [string, string])[] = [
    [
      'saved',
      `${minute(createdAt)} by ${inline(author.name)}${message === null ? '' : `: ${inline(message)}`}`,
    ],
    ['served', served],
    [
      'variables',
      variables.map(({ name, type, required }) => `${name}${required ? '' : '?'}: ${type}`).join(', '),
    ],
    ['config', config === null ? '' : inline(JSON.stringify(config))],
    ['owner', inline(owner ?? '')],
    ['tags', inline(tags.join(', '))],
    ['archived', archivedAt === null ? '' : minute(archivedAt)],
  ];
  const lines = facts
    .filter(([, text]) => text !== '')
    .map(([name, text]) => paint('dim', `${name.padEnd(10)}${text}`));
  return [paint('bold', `${slug}  version ${number}${why}  ${kind}`), ...lines, ''].join('\n');
}

function asJson(
  { version, ...prompt }: ShownPrompt & { version: ShownVersion },
  choice: VersionChoice,
): object {
  const { channels, ...facts } = version;
  const channel = choice.version === undefined ? choice.channel : null;
  return { ...prompt, channel, version: { ...facts, channels: channels.map(({ name }) => name) } };
}
