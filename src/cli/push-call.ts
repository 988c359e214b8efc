import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type {
  PushCreateMutation,
  PushCreateMutationVariables,
  PushEditMutation,
  PushEditMutationVariables,
  PushStateQuery,
  PushStateQueryVariables,
} from './generated/operations.ts';
import type { ServedVersion } from './folder-server.ts';
import { ask, mutate } from './graph.ts';
import { exitCodeOf } from './graphql-client.ts';
import type { Request } from './graphql-client.ts';
import type { Base, PromptFile } from './prompt-file.ts';
import { FileFault } from './prompt-folder.ts';
import { inputOf } from './version-content.ts';

const PUSH_EDIT = /* GraphQL */ `
  mutation PushEdit($input: EditPromptInput!) {
    editPrompt(input: $input) {
      __typename
      ... on PromptVersion {
        number
        contentHash
      }
      ... on Error {
        code
        message
      }
    }
  }
`;
const PUSH_CREATE = /* GraphQL */ `
  mutation PushCreate($input: CreatePromptInput!) {
    createPrompt(input: $input) {
      __typename
      ... on Prompt {
        latest {
          number
          contentHash
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`;
const PUSH_STATE = /* GraphQL */ `
  query PushState($slug: String!) {
    prompt(slug: $slug) {
      description
      owner
      tags
      archivedAt
      latest {
        number
        contentHash
      }
    }
  }
`;

export interface Save {
  readonly slug: string;
  readonly file: PromptFile;
  readonly message: string | null;
  /** A repetition after an unknown outcome answers what the first call would have. */
  readonly idempotencyKey: string;
}

/**
 * Saves a new version on top of the one that the file was made from; a file that was made from none becomes a prompt.
 * @returns null: the server has something else than the file was made from, and nothing was saved
 * @throws FileFault for what the server refuses of this file, CliError when no other file would fare better
 */
export async function saveFile(request: Request, save: Save): Promise<Base | null> {
  return save.file.base === null ? create(request, save) : edit(request, save, save.file.base.version);
}

/** The newest version of a prompt and whether it takes further ones; null: there is no such prompt. */
export async function newestVersion(
  request: Request,
  slug: string,
): Promise<(ServedVersion & { readonly isArchived: boolean }) | null> {
  const variables: PushStateQueryVariables = { slug };
  const { prompt } = await ask<PushStateQuery>(request, PUSH_STATE, variables);
  if (prompt === null) return null;
  const { latest, archivedAt, ...metadata } = prompt;
  const { number: version, contentHash } = latest;
  return { slug, version, contentHash, metadata, isArchived: archivedAt !== null };
}

async function edit(request: Request, save: Save, baseVersion: number): Promise<Base | null> {
  const { slug, file, message, idempotencyKey } = save;
  const content = inputOf(file.content) as PushEditMutationVariables['input']['content'];
  const variables: PushEditMutationVariables = {
    input: { slug, content, message, baseVersion, idempotencyKey },
  };
  const { editPrompt: result } = await mutate<PushEditMutation>(request, PUSH_EDIT, variables);
  if (result.__typename === 'PromptVersion')
    return { version: result.number, contentHash: result.contentHash };
  if (result.code === 'EDIT_CONFLICT') return null;
  throw refusal(slug, result);
}

async function create(request: Request, save: Save): Promise<Base | null> {
  const { slug, file, message, idempotencyKey } = save;
  const { description, owner, tags } = file.metadata;
  const content = inputOf(file.content) as PushCreateMutationVariables['input']['content'];
  const variables: PushCreateMutationVariables = {
    input: { slug, content, message, description, owner, tags: [...tags], idempotencyKey },
  };
  const { createPrompt: result } = await mutate<PushCreateMutation>(request, PUSH_CREATE, variables);
  if (result.__typename === 'Prompt') {
    return { version: result.latest.number, contentHash: result.latest.contentHash };
  }
  if (result.code === 'SLUG_TAKEN') return null;
  throw refusal(slug, result);
}

function refusal(
  slug: string,
  { code, message }: { readonly code: string; readonly message: string },
): Error {
  // No other file would fare better.
  if (exitCodeOf(code) === EXIT_CODE.UNAUTHORISED)
    return new CliError(EXIT_CODE.UNAUTHORISED, `${slug}: ${message}`);
  return new FileFault(`is refused by the server: ${message}`);
}
