import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { AllSlugsQuery, NearPromptsQuery } from './generated/operations.ts';
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
    channels {
      name
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
const SHOWN_MAX = 3;
/** So many prompts are looked through, beside those of the folder and those with the name in them. */
const LOOKED_THROUGH_MAX = 500;

/** Why a prompt is not found, with the names that were perhaps meant. */
export async function unknownPrompt(request: Request, slug: string): Promise<CliError> {
  const { beside, alike } = await near(request, slug);
  const slugs = [beside, alike].flatMap(({ edges }) => edges.map(({ node }) => node.slug));
  const page = async (place: object) => (await ask<AllSlugsQuery>(request, ALL_SLUGS, { ...place })).prompts;
  for await (const row of rowsOf(page, LOOKED_THROUGH_MAX)) slugs.push(row.slug);
  const advice = nearest(slug, slugs);
  const rest =
    advice.length === 0 ? '`promptforge list` shows those there are' : `did you mean ${advice.join(', ')}?`;
  return new CliError(EXIT_CODE.REFUSED, `there is no prompt ${JSON.stringify(slug)}: ${rest}`);
}

/** Why a channel is not found, with those there are. */
export async function unknownChannel(request: Request, name: string): Promise<CliError> {
  const { channels } = await near(request, '');
  const names = channels.map((channel) => channel.name).join(', ');
  return new CliError(EXIT_CODE.REFUSED, `there is no channel ${JSON.stringify(name)}: there are ${names}`);
}

function near(request: Request, slug: string): Promise<NearPromptsQuery> {
  const segments = slug.split('/');
  const part = segments.pop() ?? '';
  return ask(request, NEAR_PROMPTS, { folder: segments.join('/') || '*', part: part || '*' });
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
