import type { Command } from 'commander';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { RenderVariablesQuery, RenderVersionQuery } from './generated/operations.ts';
import { ask, serverOf } from './graph.ts';
import { isTerminal, note, print, printJson } from './output.ts';
import { misfitText, parsePair, readValues, typed } from './render-values.ts';
import { messagesOf, onScreen, readable } from './shown-text.ts';
import { addVersionChoice, choiceOf, chosen } from './version-choice.ts';
import type { VersionChoice } from './version-choice.ts';

const RENDER_VERSION = /* GraphQL */ `
  query RenderVersion($slug: String!, $number: Int, $channel: String, $variables: JSON, $strict: Boolean!) {
    prompt(slug: $slug) {
      version(number: $number, channel: $channel) {
        number
        render(variables: $variables, strict: $strict) {
          __typename
          ... on RenderedPrompt {
            text
            messages {
              role
              name
              content
            }
          }
          ... on VariablesInvalid {
            message
            missing
            unknown
            invalid
          }
        }
      }
    }
  }
`;

const RENDER_VARIABLES = /* GraphQL */ `
  query RenderVariables($slug: String!, $number: Int, $channel: String) {
    prompt(slug: $slug) {
      version(number: $number, channel: $channel) {
        variables {
          name
          type
          options
        }
      }
    }
  }
`;

const HELP = `
A value of --var is a string; where the variable is declared as a NUMBER, a BOOLEAN or JSON, it is read as that: --var count=3.
Values of --var go over those of --vars. Values that do not fit are all told at once (5).`;

interface RenderOptions extends VersionChoice {
  readonly var?: readonly string[];
  readonly vars?: string;
  readonly strict: boolean;
  readonly json?: boolean;
}

type Rendered = Extract<
  NonNullable<NonNullable<RenderVersionQuery['prompt']>['version']>['render'],
  { __typename: 'RenderedPrompt' }
>;

export function registerRender(program: Command): void {
  addVersionChoice(
    program
      .command('render')
      .description('fill the variables of a prompt, as services get it')
      .argument('<slug>', 'which prompt'),
  )
    .option(
      '--var <name=value>',
      'a value; again for more',
      (pair: string, before: readonly string[] | undefined) => [...(before ?? []), pair],
    )
    .option('--vars <file>', 'values as a JSON object, from a file or, with -, from standard input')
    .option('--no-strict', 'leave missing variables as they are written, and ignore unknown values')
    .addHelpText('after', HELP)
    .action(async (slug: string, _options: unknown, command: Command) => {
      process.exitCode = await render(slug, command);
    });
}

async function render(slug: string, command: Command): Promise<ExitCode> {
  const options = command.optsWithGlobals<RenderOptions>();
  const pairs = (options.var ?? []).map(parsePair);
  const given = await readValues(options.vars);
  const request = serverOf(command);
  const which = { slug, ...choiceOf(options) };
  // First read, not only filled: the types of the variables, and why there is nothing to fill.
  const read = await ask<RenderVariablesQuery>(request, RENDER_VARIABLES, which);
  const { variables } = (await chosen(request, { slug, choice: options, prompt: read.prompt })).version;
  const values = Object.fromEntries(pairs.map(([name, value]) => [name, typed(variables, name, value)]));
  const filled = await ask<RenderVersionQuery>(request, RENDER_VERSION, {
    ...which,
    strict: options.strict,
    variables: { ...given, ...values },
  });
  const { version } = await chosen(request, { slug, choice: options, prompt: filled.prompt });
  const { number, render: result } = version;
  if (result.__typename === 'RenderedPrompt')
    return printRendered({ slug, version: number }, result, options);
  const { missing, unknown, invalid } = result;
  if (options.json === true) printJson({ slug, version: number, missing, unknown, invalid });
  note(`error: these values do not fit version ${number} of ${slug}:\n${misfitText(result, variables)}`);
  return EXIT_CODE.REFUSED;
}

function printRendered(
  of: { slug: string; version: number },
  { text, messages }: Rendered,
  { json }: RenderOptions,
): ExitCode {
  const shown = readable({ template: text, messages });
  if (json === true)
    printJson({ ...of, ...(messages === null ? { text } : { messages: messagesOf({ messages }) }) });
  else print(isTerminal() ? onScreen(shown) : shown);
  return EXIT_CODE.DONE;
}
