import type { IncomingMessage, ServerResponse } from 'node:http';
import { findPromptId, readAuditPage } from '../db/audit-pages.ts';
import type { AuditFilter, ExportedEvent } from '../db/audit-pages.ts';
import type { Reader } from '../db/client.ts';
import { getHead } from '../db/event-log.ts';
import { seqsOfTime } from '../db/event-times.ts';
import { can } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { hashedText } from '../domain/event.ts';
import { parseAuditQuery } from './audit-query.ts';
import { forbidden, methodNotAllowed, overloaded, ProblemError } from './problem.ts';
import { sendPages } from './send-pages.ts';
import type { Pages } from './send-pages.ts';

export const AUDIT_EXPORT_PATH = '/v1/audit/events';

const PAGE_SIZE = 1_000;
const EXPORTS_MAX = 4;

export interface AuditTimes {
  /** How long a client may take nothing of what it was sent. */
  readonly auditStalledMs: number;
  readonly checkpointEveryMs: number;
}

export const AUDIT_TIMES: AuditTimes = { auditStalledMs: 30_000, checkpointEveryMs: 60 * 60 * 1_000 };

export interface AuditExport {
  /** GET /v1/audit/events. @throws ProblemError; what the database fails with before the first line is sent. */
  send(actor: Actor, req: IncomingMessage, res: ServerResponse): Promise<void>;
}

/**
 * The log as JSON lines, oldest first, up to where it ended when the export began. Page by page: memory holds one, and a client that does
 * not read is waited for, then cut. It goes on after the last line that it has.
 */
export function createAuditExport(
  reader: Reader,
  { auditStalledMs }: Pick<AuditTimes, 'auditStalledMs'>,
): AuditExport {
  let running = 0;
  return {
    send: async (actor, req, res) => {
      if (req.method !== 'GET') throw new ProblemError(methodNotAllowed('GET'));
      if (!can(actor, 'registry:read'))
        throw new ProblemError(
          forbidden('the trail tells of every prompt: it needs the scope "registry:read" without limits'),
        );
      const query = parseAuditQuery(req.url ?? '');
      if (running >= EXPORTS_MAX) throw new ProblemError(overloaded());
      running += 1;
      try {
        const { workspaceId } = actor;
        const { seq: head } = await getHead(reader, workspaceId);
        const pages = pagesOf(reader, workspaceId, query, head);
        const first = await pages.next();
        res.writeHead(200, {
          'content-type': 'application/x-ndjson; charset=utf-8',
          'cache-control': 'no-store',
          'x-promptforge-audit-head': String(head),
        });
        await sendPages(res, first, pages, auditStalledMs);
      } finally {
        running -= 1;
      }
    },
  };
}

async function* pagesOf(
  reader: Reader,
  workspaceId: string,
  { prompt, after, since, until, ...query }: ReturnType<typeof parseAuditQuery>,
  head: bigint,
): Pages {
  const promptId = prompt === null ? null : await findPromptId(reader, workspaceId, prompt);
  // A slug that nobody has: nothing, as in the graph.
  if (prompt !== null && promptId === null) return;
  const filter: AuditFilter = { ...query, promptId };
  const { from, before } = await seqsOfTime(reader, workspaceId, { since, until });
  const upTo = before !== null && before <= head ? before - 1n : head;
  for (let last = from !== null && from > after ? from - 1n : after; last < upTo;) {
    const events = await readAuditPage(reader, workspaceId, filter, {
      after: last,
      upTo,
      limit: PAGE_SIZE,
    });
    if (events.length > 0) yield events.map((event) => auditLine(workspaceId, event)).join('');
    last = events.length < PAGE_SIZE ? upTo : BigInt(events.at(-1)?.seq ?? upTo);
  }
}

/** One event, with everything that its hash covers and with inner ids, so that it is verified without the server. */
function auditLine(workspaceId: string, event: ExportedEvent): string {
  const { seq, commitSeq, atMicros, type, promptId, promotionId, sourceAddress, userAgent, requestId } =
    event;
  const line = {
    workspaceId,
    seq,
    commitSeq,
    type,
    actor: { kind: event.actorKind, id: event.actorId, name: event.actorName },
    at: new Date(Math.floor(atMicros / 1_000)).toISOString(),
    promptId,
    promotionId,
    payload: parsed(event.payload),
    sourceAddress,
    userAgent,
    requestId,
    prevHash: event.prevHash,
    hash: event.hash,
    hashedText: hashedText({ ...event, workspaceId }),
  };
  return `${JSON.stringify(line)}\n`;
}

/** What somebody wrote past the server need be no JSON: then it is shown as it stands. */
function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
