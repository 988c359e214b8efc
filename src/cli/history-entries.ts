import type { PromptMovesQuery, PromptVersionsQuery } from './generated/operations.ts';
import { ask, rowsOf } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { unknownChannel, unknownPrompt } from './near-names.ts';

const PROMPT_VERSIONS = /* GraphQL */ `
  query PromptVersions($slug: String!, $first: Int!, $after: String) {
    prompt(slug: $slug) {
      versions(first: $first, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            number
            createdAt
            message
            author {
              kind
              name
            }
          }
        }
      }
    }
  }
`;
const PROMPT_MOVES = /* GraphQL */ `
  query PromptMoves($slug: String!, $channel: String, $first: Int!, $after: String) {
    prompt(slug: $slug) {
      promotions(channel: $channel, first: $first, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            kind
            createdAt
            reason
            breakGlass
            channel {
              name
            }
            actor {
              kind
              name
            }
            version {
              number
            }
            previousVersion {
              number
            }
          }
        }
      }
    }
    channels {
      name
    }
  }
`;

type VersionRow = NonNullable<PromptVersionsQuery['prompt']>['versions']['edges'][number]['node'];
type MoveRow = NonNullable<PromptMovesQuery['prompt']>['promotions']['edges'][number]['node'];

export type HistoryEntry =
  | {
      readonly type: 'version';
      readonly at: string;
      readonly by: string;
      readonly version: number;
      readonly message: string | null;
    }
  | {
      readonly type: 'move';
      readonly at: string;
      readonly by: string;
      readonly channel: string;
      readonly from: number | null;
      readonly to: number | null;
      readonly kind: MoveRow['kind'];
      readonly reason: string | null;
      readonly breakGlass: boolean;
    };

export interface HistoryQuestion {
  readonly slug: string;
  /** null: the saves, and the moves of every channel. */
  readonly channel: string | null;
  readonly limit: number;
}

/** What happened to a prompt, newest first, read page by page as it is taken. @throws CliError for an unknown prompt or channel */
export async function* entriesOf(request: Request, question: HistoryQuestion): AsyncGenerator<HistoryEntry> {
  const moves = movesOf(request, question);
  if (question.channel !== null) {
    yield* moves;
    return;
  }
  let left = question.limit;
  for await (const entry of merged(versionsOf(request, question), withoutSaves(moves))) {
    if (left === 0) return;
    left -= 1;
    yield entry;
  }
}

async function* versionsOf(request: Request, { slug, limit }: HistoryQuestion): AsyncGenerator<HistoryEntry> {
  const page = async (place: object) => {
    const { prompt } = await ask<PromptVersionsQuery>(request, PROMPT_VERSIONS, { slug, ...place });
    if (prompt === null) throw await unknownPrompt(request, slug);
    return prompt.versions;
  };
  for await (const row of rowsOf(page, limit)) yield versionEntry(row);
}

async function* movesOf(
  request: Request,
  { slug, channel, limit }: HistoryQuestion,
): AsyncGenerator<HistoryEntry> {
  const page = async (place: object) => {
    const answer = await ask<PromptMovesQuery>(request, PROMPT_MOVES, { slug, channel, ...place });
    const { prompt, channels } = answer;
    if (prompt === null) throw await unknownPrompt(request, slug);
    if (channel !== null && !channels.some(({ name }) => name === channel))
      throw await unknownChannel(request, channel);
    return prompt.promotions;
  };
  // Among the moves of all channels are the saves, which are left out: how many rows there are to read, nobody knows.
  for await (const row of rowsOf(page, channel === null ? Infinity : limit)) yield moveEntry(row);
}

/** `latest` moves with every save: the version says so already. */
async function* withoutSaves(entries: AsyncGenerator<HistoryEntry>): AsyncGenerator<HistoryEntry> {
  for await (const entry of entries) if (entry.type === 'version' || entry.kind !== 'SAVE') yield entry;
}

/** Two histories as one, newest first; a move of the same moment as a save comes after it. */
async function* merged(
  versions: AsyncGenerator<HistoryEntry>,
  moves: AsyncGenerator<HistoryEntry>,
): AsyncGenerator<HistoryEntry> {
  try {
    let [version, move] = [await versions.next(), await moves.next()];
    while (version.done !== true || move.done !== true) {
      if (version.done === true || (move.done !== true && move.value.at >= version.value.at)) {
        if (move.done !== true) yield move.value;
        move = await moves.next();
      } else {
        yield version.value;
        version = await versions.next();
      }
    }
  } finally {
    await Promise.all([versions.return(undefined), moves.return(undefined)]);
  }
}

function versionEntry({ number, createdAt, message, author }: VersionRow): HistoryEntry {
  return { type: 'version', at: createdAt, by: author.name, version: number, message };
}

function moveEntry({
  createdAt,
  actor,
  channel,
  version,
  previousVersion,
  kind,
  reason,
  breakGlass,
}: MoveRow): HistoryEntry {
  return {
    type: 'move',
    at: createdAt,
    by: actor.name,
    channel: channel.name,
    from: previousVersion?.number ?? null,
    to: version?.number ?? null,
    kind,
    reason,
    breakGlass,
  };
}
