import { Option } from 'commander';
import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

const DEFAULT_URL = 'http://127.0.0.1:4000';

/** Where the server is and who asks. */
export interface Connection {
  readonly endpoint: URL;
  readonly apiKey: string | null;
}

export function addConnectionOptions(program: Command): void {
  program
    .addOption(new Option('--url <url>', 'where the server is').env('PROMPTFORGE_URL').default(DEFAULT_URL))
    .addOption(
      new Option(
        '--api-key <key>',
        'credential; a key on the command line is visible to other users of this machine and stays in the shell history: prefer the variable',
      ).env('PROMPTFORGE_API_KEY'),
    )
    .option('--json', 'print the result as one JSON object');
}

/** @throws CliError for usage when an option cannot be what it should */
export function parseConnection(options: Readonly<Record<string, unknown>>): Connection {
  return {
    endpoint: parseEndpoint(text(options['url']) ?? DEFAULT_URL),
    apiKey: parseKey(text(options['apiKey'])),
  };
}

/** Takes the server's root as well as the GraphQL address that the server prints when it is ready. */
function parseEndpoint(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : null;
  if (base === null || !['http:', 'https:'].includes(base.protocol) || base.username + base.password !== '') {
    throw new CliError(
      EXIT_CODE.USAGE,
      '--url (or PROMPTFORGE_URL) must be an http or https address without a user name, such as http://127.0.0.1:4000',
    );
  }
  const path = base.pathname.replace(/\/+$/, '');
  base.pathname = path.endsWith('/graphql') ? path : `${path}/graphql`;
  return base;
}

function parseKey(key: string | null): string | null {
  if (key === null || /^[\x21-\x7e]+$/.test(key)) return key;
  throw new CliError(
    EXIT_CODE.USAGE,
    'the API key (--api-key or PROMPTFORGE_API_KEY) holds a space, a line break or another character that no key has',
  );
}

/** An empty variable is a way of not setting it. */
function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
