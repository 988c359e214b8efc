import { systemActor } from '../domain/actor.ts';
import { RequestClosed } from '../domain/approval.ts';
import type { RequestStatus } from '../domain/approval.ts';
import { NotFound } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import type { PrismaClient } from './generated/prisma/client.ts';
import { entrance } from './locks.ts';
import { inTransaction } from './transaction.ts';
import type { ActionDeps, Tx } from './transaction.ts';

/** A request as it is found before anything is locked. */
export interface FoundRequest {
  readonly id: string;
  readonly status: RequestStatus;
  readonly expiresAt: Date;
  readonly requesterId: string;
  readonly promptId: string;
  readonly slug: string;
  readonly channel: string;
  readonly version: number;
}

export function requestNotFound(): NotFound {
  return new NotFound('this workspace has no such promotion request');
}

/** @throws NotFound */
export async function getRequest(tx: Tx, workspaceId: string, id: string): Promise<FoundRequest> {
  const row = await tx.promotionRequest.findUnique({
    where: { workspaceId_id: { workspaceId, id } },
    select: {
      status: true,
      expiresAt: true,
      requesterId: true,
      promptId: true,
      prompt: { select: { slug: true } },
      channel: { select: { name: true } },
      version: { select: { number: true } },
    },
  });
  if (row === null) throw requestNotFound();
  const { prompt, channel, version, ...rest } = row;
  return { id, ...rest, slug: prompt.slug, channel: channel.name, version: version.number };
}

/** Whoever changes a request has locked its prompt. @throws RequestClosed, with EXPIRED also for what nobody has closed yet. */
export function requireOpen({ id, status, expiresAt }: FoundRequest, now: Date): void {
  if (status !== 'OPEN') throw new RequestClosed(id, status);
  if (expiresAt <= now) throw new RequestClosed(id, 'EXPIRED');
}

const CLOSED_EVENT = { EXPIRED: 'PromotionRequestExpired', CANCELLED: 'PromotionRequestCancelled' } as const;

/** Closes open requests of prompts that the caller has locked, by itself and not because the channel moved. @returns what to tell of it. */
export async function closeRequests(
  tx: Tx,
  workspaceId: string,
  where: { readonly ids?: readonly string[]; readonly promptId?: string },
  { status, now }: { readonly status: keyof typeof CLOSED_EVENT; readonly now: Date },
): Promise<NewEvent[]> {
  const found = {
    workspaceId,
    status: 'OPEN',
    ...(where.promptId === undefined ? {} : { promptId: where.promptId }),
    ...(where.ids === undefined ? {} : { id: { in: [...where.ids] } }),
  } as const;
  const rows = await tx.promotionRequest.findMany({
    where: found,
    orderBy: { id: 'asc' },
    select: {
      id: true,
      promptId: true,
      prompt: { select: { slug: true } },
      channel: { select: { name: true } },
      version: { select: { number: true } },
    },
  });
  if (rows.length === 0) return [];
  await tx.promotionRequest.updateMany({ where: found, data: { status, closedAt: now } });
  return rows.map(({ id, promptId, prompt, channel, version }) => ({
    payload: {
      type: CLOSED_EVENT[status],
      requestId: id,
      slug: prompt.slug,
      channel: channel.name,
      version: version.number,
    },
    promptId,
  }));
}

/** Closes a request that nobody answered in time. @returns whether it was open until now. */
export async function expireRequest(
  deps: ActionDeps,
  workspaceId: string,
  requestId: string,
): Promise<boolean> {
  return inTransaction(deps, systemActor(workspaceId), async (tx) => {
    const { promptId } = await getRequest(tx, workspaceId, requestId);
    await lockPromptRow(tx, workspaceId, promptId);
    const now = deps.clock();
    const { status, expiresAt } = await getRequest(tx, workspaceId, requestId);
    if (status !== 'OPEN' || expiresAt > now) return { answer: false, events: [] };
    const events = await closeRequests(
      tx,
      workspaceId,
      { ids: [requestId], promptId },
      { status: 'EXPIRED', now },
    );
    return { answer: true, events };
  });
}

/** A prompt by its id, whatever it is called now, and before it the workspace. */
export async function lockPromptRow(tx: Tx, workspaceId: string, promptId: string): Promise<void> {
  await tx.$executeRaw`
    SELECT 1 FROM ${entrance(workspaceId)}, "workspace" w JOIN "prompt" p ON p.workspace_id = w.id
    WHERE w.id = ${workspaceId}::uuid AND p.id = ${promptId}::uuid FOR KEY SHARE OF w FOR NO KEY UPDATE OF p`;
}

export interface DueRequest {
  readonly workspaceId: string;
  readonly id: string;
}

/** Where a page of requests begins; `after`: the last one of the page before. */
export interface DuePage {
  readonly after: DueRequest | null;
  readonly limit: number;
}

/** Before every request. */
const START: DueRequest = {
  workspaceId: '00000000-0000-0000-0000-000000000000',
  id: '00000000-0000-0000-0000-000000000000',
};

/** Open requests of all workspaces whose time is over, by workspace and id. */
export async function listExpired(
  writer: PrismaClient,
  now: Date,
  { after, limit }: DuePage,
): Promise<DueRequest[]> {
  const { workspaceId, id } = after ?? START;
  return writer.$queryRaw<DueRequest[]>`
    SELECT r.workspace_id::text AS "workspaceId", r.id::text AS id
    FROM "promotion_request" r
    WHERE r.status = 'OPEN' AND r.expires_at <= ${now} AND (r.workspace_id, r.id) > (${workspaceId}::uuid, ${id}::uuid)
    ORDER BY r.workspace_id, r.id
    LIMIT ${limit}`;
}

/**
 * Open requests of all workspaces that waited for nothing but the soak time of their policy, and that it has come for: applied by itself,
 * with approvals enough, and no ADMIN demanded of who promotes; by workspace and id. Whoever applies one decides again, and may refuse it.
 */
export async function listSoaked(
  writer: PrismaClient,
  now: Date,
  { after, limit }: DuePage,
): Promise<DueRequest[]> {
  const { workspaceId, id } = after ?? START;
  return writer.$queryRaw<DueRequest[]>`
    SELECT r.workspace_id::text AS "workspaceId", r.id::text AS id
    FROM "promotion_request" r
    CROSS JOIN LATERAL deciding_policy(r.workspace_id, r.channel_id, r.prompt_id) AS p
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE newest.decision = 'APPROVE') AS approvals, count(*) FILTER (WHERE newest.decision = 'REJECT') AS rejections
      FROM (
        SELECT DISTINCT ON (v.reviewer_id) v.decision FROM "promotion_review" v
        WHERE v.workspace_id = r.workspace_id AND v.request_id = r.id ORDER BY v.reviewer_id, v.ordinal DESC
      ) newest
    ) AS judged
    WHERE r.status = 'OPEN' AND r.expires_at > ${now} AND p.auto_apply AND p.promoter_role = 'RELEASER' AND p.soak_minutes > 0
      AND judged.approvals >= greatest(1, p.approvals) AND (judged.rejections = 0 OR NOT p.rejection_blocks)
      AND (r.reason IS NOT NULL OR NOT p.reason_required)
      AND served_since(r.workspace_id, p.soak_channel_id, r.prompt_id, r.version_id) + make_interval(mins => p.soak_minutes) <= ${now}
      AND (r.workspace_id, r.id) > (${workspaceId}::uuid, ${id}::uuid)
    ORDER BY r.workspace_id, r.id
    LIMIT ${limit}`;
}
