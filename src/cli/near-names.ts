import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { AllSlugsQuery, ChannelNamesQuery, NearPromptsQuery } from './generated/operations.ts';
import { ask, rowsOf } from './graph.ts';
import type { Request } from './graphql-client.ts';

const NEAR_PROMPTS = /* GraphQL */ `
  query NearPrompts($folder: String!, $part: String!) {
    beside: prompts(first: 100, filter: { folder: $folder, archived: null }) {
      edges {
        node {
          slug
        }
      }
    }
    alike: prompts(first: 100, filter: { search: $part, archived: null }) {
      edges {
        node {
          slug
        }
      }
    }
  }
`;
const ALL_SLUGS = /* GraphQL */ `
  query AllSlugs($first: Int!, $after: String) {
    prompts(first: $first, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          slug
        }
      }
    }
  }
`;
const CHANNEL_NAMES = /* GraphQL */ `
  query ChannelNames {
    channels {
      name
    }
  }
`;
const SHOWN_MAX = 3;
/** So many prompts are looked through, beside those of the folder and those with the name in them. */
const LOOKED_THROUGH_MAX = 500;

/** Why a prompt is not found, with the names that were perhaps meant. */
export async function unknownPrompt(request: Request, slug: string): Promise<CliError> {
  const near = nearest(slug, await someSlugs(request, slug));
  const advice =
    near.length === 0 ? '`promptforge list` shows those there are' : `did you mean ${near.join(', ')}?`;
  return new CliError(EXIT_CODE.REFUSED, `there is no prompt ${JSON.stringify(slug)}: ${advice}`);
}

/** Why a channel is not found, with those there are. */
export async function unknownChannel(request: Request, name: string): Promise<CliError> {
  const names = await channelNames(request);
  return new CliError(
    EXIT_CODE.REFUSED,
    `there is no channel ${JSON.stringify(name)}: there are ${names.join(', ')}`,
  );
}

/** Why a channel serves nothing of a prompt: perhaps there is no such channel. */
export async function nothingServed(request: Request, slug: string, channel: string): Promise<CliError> {
  if (!(await channelNames(request)).includes(channel)) return unknownChannel(request, channel);
  return new CliError(
    EXIT_CODE.REFUSED,
    `channel ${JSON.stringify(channel)} serves no version of ${slug}: \`--channel latest\` has the newest one`,
  );
}

async function channelNames(request: Request): Promise<string[]> {
  const { channels } = await ask<ChannelNamesQuery>(request, CHANNEL_NAMES, {});
  return channels.map(({ name }) => name);
}

/** Slugs of the folder, with the name in them, and the first of all; none for a key that may not list them. */
async function someSlugs(request: Request, slug: string): Promise<string[]> {
  const segments = slug.split('/');
  const part = segments.pop() ?? '';
  try {
    const { beside, alike } = await ask<NearPromptsQuery>(request, NEAR_PROMPTS, {
      folder: segments.join('/') || '*',
      part: part || '*',
    });
    const slugs = [beside, alike].flatMap(({ edges }) => edges.map(({ node }) => node.slug));
    const page = async (place: object) =>
      (await ask<AllSlugsQuery>(request, ALL_SLUGS, { ...place })).prompts;
    for await (const row of rowsOf(page, LOOKED_THROUGH_MAX)) slugs.push(row.slug);
    return slugs;
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT_CODE.UNAUTHORISED) return [];
    throw error;
  }
}

/** Those that differ in a third of their letters at most, the nearest first, then those that contain what was written. */
function nearest(wanted: string, names: readonly string[]): string[] {
  const marked = [...new Set(names)].map((name) => ({ name, edits: editDistance(wanted, name) }));
  return marked
    .filter(({ name, edits }) => edits <= Math.max(2, wanted.length / 3) || name.includes(wanted))
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, SHOWN_MAX)
    .map(({ name }) => name);
}

/** How many letters have to be put in, taken out or changed (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
