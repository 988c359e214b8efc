import { text } from 'node:stream/consumers';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EXIT_CODE } from './exit-codes.ts';
import type { RenderVersionQuery } from './generated/operations.ts';
import { ask, serverOf, usage } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { isTerminal, note, print, printJson } from './output.ts';
import { addVersionChoice, readVersion } from './show.ts';
import type { ShownVersion, VersionChoice } from './show.ts';
import { messagesOf, onScreen, readable } from './shown-text.ts';

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

const HELP = `
A value of --var is a string; where the variable is declared as a NUMBER, a BOOLEAN or JSON, it is read as that: --var count=3.
Values of --var go over those of --vars. Values that do not fit are all told at once (5).`;

interface RenderOptions extends VersionChoice {
  readonly var?: readonly string[];
  readonly vars?: string;
  readonly strict: boolean;
  readonly json?: boolean;
}

type Rendering = NonNullable<NonNullable<RenderVersionQuery['prompt']>['version']>;
type Misfits = Extract<Rendering['render'], { __typename: 'VariablesInvalid' }>;

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

async function render(slug: string, command: Command): Promise<number> {
  const options = command.optsWithGlobals<RenderOptions>();
  const pairs = (options.var ?? []).map(parsePair);
  const given = await readValues(options.vars);
  const request = serverOf(command);
  // First read, not only filled: the types of the variables, and why there is nothing to fill.
  const { version } = await readVersion(request, slug, options);
  const variables = {
    ...given,
    ...Object.fromEntries(pairs.map(([name, value]) => [name, typed(version, name, value)])),
  };
  const rendering = await fill(
    request,
    { slug, number: version.number, strict: options.strict, variables },
    options,
  );
  const { number, render: result } = rendering;
  if (result.__typename === 'VariablesInvalid') {
    if (options.json === true) printJson({ slug, version: number, ...misfitsOf(result) });
    note(misfitText(slug, number, result, version));
    return EXIT_CODE.REFUSED;
  }
  const { text: rendered, messages } = result;
  if (options.json === true)
    printJson({
      slug,
      version: number,
      ...(messages === null ? { text: rendered } : { messages: messagesOf({ messages }) }),
    });
  else {
    const shown = readable({ template: rendered, messages });
    print(isTerminal() ? onScreen(shown) : shown);
  }
  return EXIT_CODE.DONE;
}

/** By the number where it was chosen by one; else by the channel, which is all that the key of a service may ask for. */
async function fill(
  request: Request,
  { number, ...rest }: { slug: string; number: number; strict: boolean; variables: object },
  choice: VersionChoice,
): Promise<Rendering> {
  const which = choice.version === undefined ? { channel: choice.channel } : { number };
  const { prompt } = await ask<RenderVersionQuery>(request, RENDER_VERSION, { ...rest, ...which });
  const version = prompt?.version ?? null;
  if (version === null) throw usage(`${rest.slug} has just changed: run the command again`);
  return version;
}

function parsePair(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  if (at < 1) throw usage(`--var ${JSON.stringify(pair)} has no value: write --var name=value`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

async function readValues(path: string | undefined): Promise<object> {
  if (path === undefined) return {};
  const name = path === '-' ? 'standard input' : path;
  const json = await (path === '-' ? text(process.stdin) : readFile(path, 'utf8')).catch(
    (error: NodeJS.ErrnoException) => {
      throw usage(`${name} cannot be read (${error.code ?? error.message})`);
    },
  );
  const values = parseJson(json);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw usage(`${name} holds no JSON object: write {"name": "value"}`);
  }
  return values;
}

/** What the letters mean for a variable of its type; where they mean nothing, the server says so. */
function typed({ variables }: ShownVersion, name: string, value: string): unknown {
  const type = variables.find((variable) => variable.name === name)?.type;
  if (type === 'JSON') return parseJson(value) ?? value;
  if (type !== 'NUMBER' && type !== 'BOOLEAN') return value;
  const meant = parseJson(value);
  return typeof meant === type.toLowerCase() ? meant : value;
}

function misfitsOf({ missing, unknown, invalid }: Misfits): object {
  return { missing, unknown, invalid };
}

function misfitText(
  slug: string,
  number: number,
  { missing, unknown, invalid }: Misfits,
  version: ShownVersion,
): string {
  const wanted = (path: string): string => {
    const variable = version.variables.find(({ name }) => name === path.split('.')[0]);
    if (variable === undefined) return '';
    return variable.options === null ? ` (${variable.type})` : ` (one of ${variable.options.join(', ')})`;
  };
  const lines = [
    ...missing.map((name) => `  missing: ${name}${wanted(name)}`),
    ...unknown.map((name) => `  unknown: ${name}`),
    ...invalid.map((name) => `  does not fit: ${name}${wanted(name)}`),
  ];
  return `error: these values do not fit version ${number} of ${slug}:\n${lines.join('\n')}`;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
