import { randomUUID } from 'node:crypto';
import { changesText, patchText } from './diff.ts';
import type { EditedSource } from './edit-text.ts';
import type {
  CreatePromptMutation,
  NewestVersionQuery,
  SaveVersionMutation,
} from './generated/operations.ts';
import { ask, mutate, refusalOf } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { unknownPrompt } from './near-names.ts';
import { inline } from './output.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

const NEWEST_VERSION = /* GraphQL */ `
  query NewestVersion($slug: String!) {
    prompt(slug: $slug) {
      kind
      archivedAt
      latest {
        number
        template
        messages {
          role
          content
          name
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
      }
    }
  }
`;
const SAVE_VERSION = /* GraphQL */ `
  mutation SaveVersion($input: EditPromptInput!, $base: Int!) {
    editPrompt(input: $input) {
      __typename
      ... on PromptVersion {
        number
        contentHash
        lint {
          message
        }
      }
      ... on Error {
        code
        message
      }
      ... on EditConflict {
        newest {
          number
          message
          author {
            name
          }
          diff(against: $base) {
            unified
            added
            removed
            tooDifferent
            configChanged
            variablesAdded
            variablesRemoved
          }
        }
      }
    }
  }
`;
const CREATE_PROMPT = /* GraphQL */ `
  mutation CreatePrompt($input: CreatePromptInput!) {
    createPrompt(input: $input) {
      __typename
      ... on Prompt {
        latest {
          number
          contentHash
          lint {
            message
          }
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`;

export type Newest = NonNullable<NewestVersionQuery['prompt']>;

/** What was saved, with what looks unintended in it. */
export interface Saved {
  readonly number: number;
  readonly contentHash: string;
  readonly lint: readonly { readonly message: string }[];
}

/** @throws CliError when there is no such prompt, or it takes no edits */
export async function readNewest(request: Request, slug: string): Promise<Newest> {
  const { prompt } = await ask<NewestVersionQuery>(request, NEWEST_VERSION, { slug });
  if (prompt === null) {
    const { exitCode, message } = await unknownPrompt(request, slug);
    throw new CliError(exitCode, `${message}\n--create makes it, with --kind CHAT where it holds messages`);
  }
  if (prompt.archivedAt === null) return prompt;
  throw new CliError(
    EXIT_CODE.REFUSED,
    `${slug} is archived: take it out of the archive first (mutation restorePrompt)`,
  );
}

/** Saves an edit of a version; its config and declared variables go along. @throws CliError, for a conflict with what changed meanwhile */
export async function saveVersion(
  request: Request,
  edit: {
    readonly slug: string;
    readonly base: number;
    readonly newest: Newest;
    readonly source: EditedSource;
    readonly message?: string | undefined;
  },
): Promise<Saved> {
  const { slug, base, newest, source, message } = edit;
  const { config } = newest.latest;
  const content = { ...source, variables: declarationsOf(newest), ...(config === null ? {} : { config }) };
  const input = { slug, content, message, baseVersion: base, idempotencyKey: randomUUID() };
  const { editPrompt: result } = await mutate<SaveVersionMutation>(request, SAVE_VERSION, { input, base });
  if (result.__typename === 'PromptVersion') return result;
  if (result.__typename !== 'EditConflict') throw refusalOf(result);
  const { number, author, message: why, diff } = result.newest;
  const who = `version ${number} by ${inline(author.name)}${why === null ? '' : ` (${inline(why)})`}`;
  throw refusalOf(
    {
      code: 'EDIT_CONFLICT',
      message: `${slug} was changed meanwhile, from version ${base} to ${who}: nothing was saved`,
    },
    `What changed: ${changesText(diff)}\n${patchText(diff).trimEnd()}`,
  );
}

export async function createPrompt(
  request: Request,
  {
    slug,
    source,
    message,
  }: { readonly slug: string; readonly source: EditedSource; readonly message?: string | undefined },
): Promise<Saved> {
  const input = { slug, content: source, message, idempotencyKey: randomUUID() };
  const { createPrompt: result } = await mutate<CreatePromptMutation>(request, CREATE_PROMPT, { input });
  if (result.__typename === 'Prompt') return result.latest;
  throw refusalOf(result, result.__typename === 'SlugTaken' ? 'Leave out --create to edit it' : '');
}

/** As they were declared: those that stand in the text alone declare themselves there. */
function declarationsOf({ latest }: Newest): object[] {
  return latest.variables
    .filter(({ declared }) => declared)
    .map(({ declared: _declared, ...variable }) =>
      Object.fromEntries(Object.entries(variable).filter(([, value]) => value !== null)),
    );
}
