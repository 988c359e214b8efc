import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { AlreadyRequested, REQUESTS_OPEN_MAX } from '../domain/approval.ts';
import { requireMovable, STABLE } from '../domain/channel.ts';
import { InvalidInput } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import { requireReason } from '../domain/promotion.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { inIdempotentTransaction } from '../db/idempotency.ts';
import { loadPromotionFacts } from '../db/promotion-facts.ts';
import type { PromotionFacts } from '../db/promotion-facts.ts';
import { closeRequests } from '../db/promotion-requests.ts';
import type { ActionDeps, Tx } from '../db/transaction.ts';

export interface RequestPromotionInput {
  readonly slug: string;
  readonly version: number;
  readonly channel?: string | null | undefined;
  readonly reason?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Asks for a promotion, which reviewers judge: of this version's content, against what the channel serves now.
 * @returns the request's id.
 * @throws AlreadyRequested, NotFound, VersionNotFound, ChannelNotFound, ChannelReserved, PromptArchived, InvalidInput, IdempotencyConflict,
 * Forbidden, Unavailable
 */
export async function requestPromotion(
  deps: ActionDeps,
  actor: Actor,
  input: RequestPromotionInput,
): Promise<string> {
  const { slug, channel: wanted } = { ...input, channel: input.channel ?? STABLE };
  requireCan(actor, 'promotions:request', { slug, channel: wanted });
  requireFindableSlug(slug);
  const channel = requireMovable(wanted);
  const reason = requireReason(input.reason);
  return inIdempotentTransaction(deps, actor, { mutation: 'requestPromotion', input }, async (tx) => {
    const now = deps.clock();
    const { workspaceId } = actor;
    const items = [{ slug, version: input.version }];
    for (const facts of await loadPromotionFacts(tx, workspaceId, channel, { items, now })) {
      requireAskable(facts, reason);
      const expired = await closeExpired(tx, workspaceId, facts, now);
      await requireRoom(tx, workspaceId);
      const id = deps.newId();
      await tx.promotionRequest.createMany({ data: [rowOf(actor, facts, { id, reason, now })] });
      const target = { requestId: id, slug, channel, version: input.version };
      const payload = { type: 'PromotionRequested', ...target, reason } as const;
      return { answer: id, events: [...expired, { payload, promptId: facts.prompt.id }] };
    }
    throw new Error('one item has its facts');
  });
}

function requireAskable(facts: PromotionFacts, reason: string | null): void {
  const { prompt, channel, version, position, policy, request } = facts;
  const what = `version ${version.number} of ${prompt.slug} on channel "${channel.name}"`;
  if (request !== null) throw new AlreadyRequested(request.id, what);
  if (position.serving?.id === version.id)
    throw new InvalidInput('version', `channel "${channel.name}" serves this version already`);
  if (policy.reasonRequired && reason === null)
    throw new InvalidInput('reason', `the policy of channel "${channel.name}" demands one`);
}

/** One for this version whose time is over, and which nobody has closed yet. */
async function closeExpired(
  tx: Tx,
  workspaceId: string,
  { prompt, channel, version }: PromotionFacts,
  now: Date,
): Promise<NewEvent[]> {
  const where = { workspaceId, channelId: channel.id, versionId: version.id, status: 'OPEN' } as const;
  const rows = await tx.promotionRequest.findMany({ where, select: { id: true } });
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  return closeRequests(tx, workspaceId, { ids, promptId: prompt.id }, { status: 'EXPIRED', now });
}

/** Requests queue on the workspace, so that the limit cannot be overtaken. */
async function requireRoom(tx: Tx, workspaceId: string): Promise<void> {
  await tx.$executeRaw`SELECT 1 FROM "workspace" WHERE id = ${workspaceId}::uuid FOR NO KEY UPDATE`;
  const open = await tx.promotionRequest.count({ where: { workspaceId, status: 'OPEN' } });
  if (open < REQUESTS_OPEN_MAX) return;
  throw new InvalidInput(
    'version',
    `${REQUESTS_OPEN_MAX} requests of this workspace are open: have some of them reviewed or cancelled`,
  );
}

function rowOf(
  actor: Actor,
  { prompt, channel, version, position, policy }: PromotionFacts,
  { id, reason, now }: { readonly id: string; readonly reason: string | null; readonly now: Date },
) {
  return {
    workspaceId: actor.workspaceId,
    id,
    promptId: prompt.id,
    channelId: channel.id,
    versionId: version.id,
    contentHash: version.contentHash,
    servingVersionId: position.serving?.id ?? null,
    status: 'OPEN',
    requesterKind: actor.kind,
    requesterId: actor.id,
    requesterName: actor.name,
    reason,
    createdAt: now,
    expiresAt: new Date(now.getTime() + policy.requestHours * 3_600_000),
  } as const;
}
