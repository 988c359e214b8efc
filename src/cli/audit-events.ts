import { z } from 'zod';
import { innerId } from './audit-fields.ts';
import type { AuditEvent } from './audit-fields.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { Request } from './graphql-client.ts';

const PAGE_SIZE = 100;
const EVENTS = `query ($first: Int!, $after: String) {
  workspace { id }
  events(first: $first, after: $after) {
    edges {
      cursor
      node {
        seq commitSeq type actor { kind name } at payload sourceAddress userAgent requestId hash prevHash hashedText promotion { id } prompt { id }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;
const HASH = z.string().regex(/^[0-9a-f]{64}$/);
const NODE = z.object({ id: z.string() });
const EVENT = z.object({
  seq: z.int(),
  commitSeq: z.int(),
  type: z.string(),
  actor: z.object({ kind: z.string(), name: z.string() }),
  at: z.string(),
  payload: z.unknown(),
  sourceAddress: z.string().nullable(),
  userAgent: z.string().nullable(),
  requestId: z.string().nullable(),
  hash: HASH,
  prevHash: HASH,
  hashedText: z.string(),
  promotion: NODE.nullable(),
  prompt: NODE.nullable(),
});
const PAGE = z.object({
  workspace: NODE,
  events: z.object({
    edges: z.array(z.object({ node: EVENT })),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  }),
});

export interface AuditPage {
  readonly workspaceId: string;
  readonly events: readonly AuditEvent[];
}

/**
 * The audit trail, newest first, a hundred events at a time. What is appended meanwhile stands before the first cursor
 * and does not come.
 * @throws CliError
 */
export async function* auditPages(request: Request): AsyncGenerator<AuditPage> {
  for (let after: string | null = null; ;) {
    const page = PAGE.safeParse(await request(EVENTS, { first: PAGE_SIZE, after }));
    if (!page.success) throw unexpected(z.prettifyError(page.error));
    const { workspace, events } = page.data;
    const workspaceId = innerId('Workspace', workspace.id);
    if (workspaceId === null) throw unexpected('workspace.id names no workspace');
    yield { workspaceId, events: events.edges.map(({ node }) => node) };
    const { hasNextPage, endCursor } = events.pageInfo;
    if (!hasNextPage) return;
    // Without progress this would go round for ever.
    if (endCursor === null || endCursor === after) throw unexpected('a page leads to itself');
    after = endCursor;
  }
}

function unexpected(what: string): CliError {
  return new CliError(
    EXIT_CODE.REFUSED,
    `the server's audit trail has a form that this command does not know: ${what}`,
  );
}
