import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type {
  FolderServingQuery,
  FolderServingQueryVariables,
  FolderVersionQuery,
  FolderVersionQueryVariables,
} from './generated/operations.ts';
import { ask } from './graph.ts';
import type { Request } from './graphql-client.ts';
import type { Base, Metadata } from './prompt-file.ts';
import { isCovered } from './slug-patterns.ts';
import type { SlugPatterns } from './slug-patterns.ts';
import { VERSION_CONTENT, verifiedContent } from './version-content.ts';
import type { Content } from '../domain/version.ts';

const FOLDER_SERVING = /* GraphQL */ `
  query FolderServing($channel: String!, $after: String) {
    channel(name: $channel) {
      serving(first: 100, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            prompt {
              slug
              description
              owner
              tags
              archivedAt
            }
            version {
              number
              contentHash
            }
          }
        }
      }
    }
  }
`;
const FOLDER_VERSION = /* GraphQL */ `
  query FolderVersion($slug: String!, $number: Int!) {
    prompt(slug: $slug) {
      version(number: $number) {
        ...VersionContent
      }
    }
  }
  ${VERSION_CONTENT}
`;

/** What a channel serves of a prompt, without its text. */
export interface ServedVersion extends Base {
  readonly slug: string;
  readonly metadata: Metadata;
}

/** By slug; archived prompts are left out: they take no edits. @throws CliError */
export async function servedVersions(
  request: Request,
  channel: string,
  patterns: SlugPatterns,
): Promise<Map<string, ServedVersion>> {
  const served = new Map<string, ServedVersion>();
  for (let after: string | null = null; ;) {
    const variables: FolderServingQueryVariables = { channel, after };
    const answer = await ask<FolderServingQuery>(request, FOLDER_SERVING, variables);
    if (answer.channel === null) {
      throw new CliError(
        EXIT_CODE.REFUSED,
        `there is no channel "${channel}", or none that this key may read`,
      );
    }
    const { edges, pageInfo } = answer.channel.serving;
    for (const { node } of edges) {
      const { slug, archivedAt, ...metadata } = node.prompt;
      if (archivedAt !== null || !isCovered(patterns, slug)) continue;
      const { number: version, contentHash } = node.version;
      served.set(slug, { slug, version, contentHash, metadata });
    }
    if (!pageInfo.hasNextPage) return served;
    after = pageInfo.endCursor;
  }
}

/** What a version holds; null: there is none, or none that the key may read. */
export async function versionContent(
  request: Request,
  slug: string,
  number: number,
): Promise<Content | null> {
  const variables: FolderVersionQueryVariables = { slug, number };
  const { prompt } = await ask<FolderVersionQuery>(request, FOLDER_VERSION, variables);
  const version = prompt?.version ?? null;
  return version === null ? null : verifiedContent(slug, version);
}
