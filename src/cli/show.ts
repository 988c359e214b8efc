import type { Command } from 'commander';
import type { ShowVersionQuery } from './generated/operations.ts';
import { ask, serverOf, usage } from './graph.ts';
import { inline, isTerminal, minute, paint, print, printJson } from './output.ts';
import { messagesOf, onScreen, readable } from './shown-text.ts';
import { addVersionChoice, choiceOf, chosen } from './version-choice.ts';
import type { VersionChoice } from './version-choice.ts';

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

interface ShowOptions extends VersionChoice {
  readonly raw?: boolean;
  readonly json?: boolean;
}

type PromptAnswer = NonNullable<ShowVersionQuery['prompt']>;
type ShownVersion = NonNullable<PromptAnswer['version']>;
type ShownPrompt = PromptAnswer & { readonly version: ShownVersion };

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

async function show(slug: string, command: Command): Promise<void> {
  const options = command.optsWithGlobals<ShowOptions>();
  if (options.raw === true && options.json === true) throw usage('give --raw or --json, not both');
  const request = serverOf(command);
  const answer = await ask<ShowVersionQuery>(request, SHOW_VERSION, { slug, ...choiceOf(options) });
  const prompt: ShownPrompt = await chosen(request, { slug, choice: options, prompt: answer.prompt });
  if (options.json === true) printJson(asJson(prompt, options));
  else if (options.raw === true) print(rawText(prompt.version));
  else if (isTerminal()) print(`${head(prompt, options)}\n${onScreen(readable(prompt.version))}`);
  else print(readable(prompt.version));
}

function rawText({ template, messages }: ShownVersion): string {
  return template ?? `${JSON.stringify(messagesOf({ messages }))}\n`;
}

function head({ slug, kind, tags, owner, archivedAt, version }: ShownPrompt, choice: VersionChoice): string {
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

function asJson({ version, ...prompt }: ShownPrompt, choice: VersionChoice): object {
  const { channels, ...facts } = version;
  const channel = choice.version === undefined ? choice.channel : null;
  return { ...prompt, channel, version: { ...facts, channels: channels.map(({ name }) => name) } };
}
