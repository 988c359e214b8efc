import { z } from 'zod';
import { CliError } from './cli-error.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { reach, statusFailure } from './graphql-client.ts';
import { TryLater, withRetries } from './retry.ts';
import type { SlugPatterns } from './slug-patterns.ts';
import { contentHashOf, parseServed } from '../sdk/served-prompt.ts';
import type { ServedPrompt } from '../sdk/types.ts';

const ANSWER = z.object({ channel: z.string(), cursor: z.string(), entries: z.array(z.unknown()) });

export interface ServedChannel {
  readonly channel: string;
  /** The place in the feed that all of it is of. */
  readonly cursor: string;
  /** By slug, each held against its content hash. */
  readonly served: readonly ServedPrompt[];
}

/** Everything that a channel serves of these prompts, of one moment. @throws CliError */
export async function servedOfChannel(
  { endpoint, apiKey }: Connection,
  channel: string,
  prompts: SlugPatterns,
): Promise<ServedChannel> {
  const url = new URL(endpoint);
  url.pathname = endpoint.pathname.replace(/graphql$/, `v1/channels/${encodeURIComponent(channel)}`);
  for (const pattern of prompts ?? []) url.searchParams.append('prompts', pattern);
  const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  const text = await withRetries(async () => {
    const response = await reach(endpoint, () => fetch(url, { headers, redirect: 'manual' }));
    const body = await bodyOf(endpoint, response);
    if (response.status === 200) return body;
    const failure = statusFailure(url, response, { text: body, sentBytes: 0, apiKey });
    throw failure ?? new CliError(EXIT_CODE.REFUSED, `the server refuses: ${detailOf(body)}`);
  });
  return parseAnswer(text);
}

/** An answer that could not be written to its end is cut: the next one may be whole. */
async function bodyOf(endpoint: URL, response: Response): Promise<string> {
  try {
    return await reach(endpoint, () => response.text());
  } catch (error) {
    throw error instanceof CliError ? new TryLater(error, null) : error;
  }
}

async function parseAnswer(text: string): Promise<ServedChannel> {
  try {
    const { channel, cursor, entries } = ANSWER.parse(JSON.parse(text));
    return { channel, cursor, served: await Promise.all(entries.map(verified)) };
  } catch (error) {
    if (error instanceof CliError || !(error instanceof Error)) throw error;
    const what = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
    throw new CliError(
      EXIT_CODE.REFUSED,
      `this is no answer of a PromptForge server, or of another version: ${what}`,
    );
  }
}

async function verified(entry: unknown): Promise<ServedPrompt> {
  const served = parseServed(entry);
  if ((await contentHashOf(served)) === served.contentHash) return served;
  throw new CliError(
    EXIT_CODE.REFUSED,
    `${served.slug}, version ${served.version}: the content does not have the hash that the server names (${served.contentHash}): it was changed on the way or in the database`,
  );
}

function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
  } catch {
    // No problem of ours.
  }
  return 'it does not say why; is it of a version without GET /v1/channels/{name}?';
}
