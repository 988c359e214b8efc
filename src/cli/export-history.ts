import type {
  ExportPromptsQuery,
  ExportPromptsQueryVariables,
  ExportVersionsQuery,
  ExportVersionsQueryVariables,
} from './generated/operations.ts';
import { dateInHistory } from '../domain/version.ts';
import { ask } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { inOrder } from './in-order.ts';
import { inputOf, VERSION_CONTENT, verifiedContent } from './version-content.ts';

const EXPORT_PROMPTS = /* GraphQL */ `
  query ExportPrompts($after: String) {
    prompts(first: 100, after: $after, filter: { archived: null }) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          slug
          archivedAt
          latest {
            number
          }
        }
      }
    }
  }
`;
const EXPORT_VERSIONS = /* GraphQL */ `
  query ExportVersions($slug: String!, $before: String) {
    prompt(slug: $slug) {
      versions(last: 10, before: $before) {
        pageInfo {
          hasPreviousPage
          startCursor
        }
        edges {
          node {
            createdAt
            message
            ...VersionContent
          }
        }
      }
    }
  }
  ${VERSION_CONTENT}
`;
/** Prompts of which a page (10 versions, at most 10 MiB) is held or under way. */
const WIDTH = 4;

export interface ExportTally {
  prompts: number;
  versions: number;
  archived: number;
  /** Versions that were saved no later than the one before them: an import takes them one millisecond after it. */
  readonly moved: { readonly slug: string; readonly number: number; readonly committedAt: string }[];
  /** Prompts that had gone, or got another slug, when their turn came. */
  readonly gone: string[];
}

interface ListedPrompt {
  readonly slug: string;
  readonly archivedAt: string | null;
  readonly newest: number;
}

type Page = NonNullable<ExportVersionsQuery['prompt']>['versions'];

export async function listPrompts(request: Request): Promise<ListedPrompt[]> {
  const listed: ListedPrompt[] = [];
  for (let after: string | null = null; ;) {
    const variables: ExportPromptsQueryVariables = { after };
    const { prompts } = await ask<ExportPromptsQuery>(request, EXPORT_PROMPTS, variables);
    listed.push(
      ...prompts.edges.map(({ node: { slug, archivedAt, latest } }) => {
        return { slug, archivedAt, newest: latest.number };
      }),
    );
    if (!prompts.pageInfo.hasNextPage) return listed;
    after = prompts.pageInfo.endCursor;
  }
}

/** The lines of the file: by slug, oldest first within a prompt. Counts what it yields. */
export async function* historyLines(
  request: Request,
  prompts: readonly ListedPrompt[],
  tally: ExportTally,
): AsyncGenerator<string> {
  const begun = inOrder(prompts, WIDTH, async (prompt) => {
    return { prompt, first: await pageOf(request, prompt.slug, null) };
  });
  for await (const { prompt, first } of begun) {
    if (first === null) {
      tally.gone.push(prompt.slug);
      continue;
    }
    tally.prompts += 1;
    if (prompt.archivedAt !== null) tally.archived += 1;
    let previousMs: number | null = null;
    for await (const page of pagesFrom(request, prompt.slug, first)) {
      for (const { node } of page.edges.toReversed()) {
        const atMs: number = dateInHistory(Date.parse(node.createdAt), previousMs);
        previousMs = atMs;
        const committedAt = new Date(atMs).toISOString();
        if (committedAt !== node.createdAt) {
          tally.moved.push({ slug: prompt.slug, number: node.number, committedAt });
        }
        tally.versions += 1;
        yield lineOf(prompt.slug, committedAt, node);
      }
    }
  }
}

function lineOf(slug: string, committedAt: string, node: Page['edges'][number]['node']): string {
  const content = inputOf(verifiedContent(slug, node));
  const message = node.message === null ? {} : { message: node.message };
  return `${JSON.stringify({ slug, committedAt, ...message, ...content })}\n`;
}

async function* pagesFrom(request: Request, slug: string, first: Page): AsyncGenerator<Page> {
  let page: Page | null = first;
  while (page !== null) {
    yield page;
    page = page.pageInfo.hasPreviousPage ? await pageOf(request, slug, page.pageInfo.startCursor) : null;
  }
}

/** Versions stand newest first: going backwards from the end meets the oldest first. */
async function pageOf(request: Request, slug: string, before: string | null): Promise<Page | null> {
  const variables: ExportVersionsQueryVariables = { slug, before };
  const { prompt } = await ask<ExportVersionsQuery>(request, EXPORT_VERSIONS, variables);
  return prompt?.versions ?? null;
}
