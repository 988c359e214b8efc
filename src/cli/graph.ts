import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { ConnectionLost, exitCodeOf, graphqlClient } from './graphql-client.ts';
import type { Request } from './graphql-client.ts';
import { TryLater, withRetries } from './retry.ts';

/** Rows of one page: what the server gives at most. */
const PAGE_ROWS = 100;

type Variables = Readonly<Record<string, unknown>>;

/** The server that the global options name. */
export function serverOf(command: Command): Request {
  return graphqlClient(parseConnection(command.optsWithGlobals()));
}

/** Sends a document whose types codegen has made: the server checks it against the schema that they were made from. */
export async function ask<Data>(request: Request, document: string, variables: Variables): Promise<Data> {
  return (await request(document, variables)) as Data;
}

interface Refused {
  readonly __typename: string;
  readonly code?: string;
  readonly message?: string;
}

/**
 * Sends a mutation until its outcome is known. What it is sent with must make a repetition harmless: an idempotency key.
 * @throws CliError when the outcome stays unknown, and when the credential may not do this
 */
export async function mutate<Data>(request: Request, document: string, variables: Variables): Promise<Data> {
  return withRetries(async () => {
    try {
      const data = await ask<Data>(request, document, variables);
      // A document of one mutation: one field, a union.
      const [result] = Object.values(data as Readonly<Record<string, Refused>>);
      if (result?.code === 'UNAVAILABLE') throw new TryLater(refusalOf(result), null);
      return data;
    } catch (error) {
      if (error instanceof ConnectionLost) throw new TryLater(error, null);
      throw error;
    }
  });
}

/** What a typed refusal ends the command with. `advice` says what to do where the server cannot know it. */
export function refusalOf(
  { code, message }: { readonly code?: string; readonly message?: string },
  advice = '',
): CliError {
  const text = message ?? 'the server refuses, and does not say why: it has another version';
  return new CliError(exitCodeOf(code), advice === '' ? text : `${text}\n${advice}`);
}

interface Page<Node> {
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly edges: readonly { readonly node: Node }[];
}

/** All rows of a connection, page by page, as long as somebody takes them. */
export async function* rowsOf<Node>(
  page: (place: { first: number; after: string | null }) => Promise<Page<Node>>,
  limit: number,
): AsyncGenerator<Node> {
  let after: string | null = null;
  for (let left = limit; left > 0;) {
    const { edges, pageInfo } = await page({ first: Math.min(PAGE_ROWS, left), after });
    for (const { node } of edges) yield node;
    left -= edges.length;
    after = pageInfo.endCursor;
    if (!pageInfo.hasNextPage || after === null) return;
  }
}

/** For what is wrong with an argument and no server had to be asked for. */
export function usage(message: string): CliError {
  return new CliError(EXIT_CODE.USAGE, message);
}
