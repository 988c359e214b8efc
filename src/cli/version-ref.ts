import type { VersionRefQuery } from './generated/operations.ts';
import { ask, usage } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { nothingServed, unknownPrompt } from './near-names.ts';

const VERSION_REF = /* GraphQL */ `
  query VersionRef($slug: String!, $channel: String!) {
    prompt(slug: $slug) {
      version(channel: $channel) {
        number
      }
    }
  }
`;
const NUMBER = /^[1-9]\d{0,8}$/;
const CHANNEL = /^[a-z][a-z0-9-]{0,31}$/;

/** A version as somebody writes it: its number, or the channel that serves it. */
export type VersionRef = { readonly number: number } | { readonly channel: string };

/** @throws CliError of usage */
export function parseVersionRef(text: string): VersionRef {
  if (NUMBER.test(text)) return { number: Number(text) };
  if (CHANNEL.test(text)) return { channel: text };
  throw usage(
    `${JSON.stringify(text)} is no version: write a number, or the name of a channel such as stable or latest`,
  );
}

/** "A..B"; a side that is left out is what stable serves, or the newest. @throws CliError of usage */
export function parseRange(text: string): readonly [VersionRef, VersionRef] {
  const [from, to, more] = text.split('..');
  if (from === undefined || to === undefined || more !== undefined) {
    throw usage(
      `${JSON.stringify(text)} is no range: write two versions or channels as A..B, such as 3..5 or stable..latest`,
    );
  }
  return [parseVersionRef(from || 'stable'), parseVersionRef(to || 'latest')];
}

/** The number that is meant. @throws CliError when the channel serves none, or there is no such prompt */
export async function numberOf(request: Request, slug: string, ref: VersionRef): Promise<number> {
  if ('number' in ref) return ref.number;
  const { channel } = ref;
  const { prompt } = await ask<VersionRefQuery>(request, VERSION_REF, { slug, channel });
  if (prompt === null) throw await unknownPrompt(request, slug);
  if (prompt.version !== null) return prompt.version.number;
  throw await nothingServed(request, slug, channel);
}

/** How people see it: the number, and by which name it was meant. */
export function refText(ref: VersionRef, number: number): string {
  return 'channel' in ref ? `version ${number} (${ref.channel})` : `version ${number}`;
}
