import type { Judgement } from '../domain/approval.ts';
import { DEFAULT_POLICY } from '../domain/policy.ts';
import type { Policy, PromoterRole } from '../domain/policy.ts';
import { Prisma } from './generated/prisma/client.ts';
import type { SqlTx } from './sql-tx.ts';

/** One version that one channel may be asked to serve. */
export interface StandingKey {
  readonly promptId: string;
  readonly channelId: string;
  readonly number: number;
}

/** The open request for a version on a channel, with its reviews in order. */
export interface OpenRequest {
  readonly id: string;
  readonly contentHash: string;
  readonly servingVersionId: string | null;
  readonly requesterId: string;
  readonly reason: string | null;
  readonly expiresAt: Date;
  readonly reviews: readonly Judgement[];
}

/** What stands between a version and a channel. */
export interface Standing {
  readonly version: {
    readonly id: string;
    readonly number: number;
    readonly contentHash: string;
    readonly authorId: string;
  };
  readonly policy: Policy;
  /** Null: no policy covers the prompt there. */
  readonly policyId: string | null;
  /** Since when the policy's other channel has served the version without a break; null: it does not, or none is demanded. */
  readonly soakedSince: Date | null;
  readonly request: OpenRequest | null;
}

/** A standing as the database tells it. */
export interface StandingRow {
  readonly promptId: string;
  readonly channelId: string;
  readonly id: string;
  readonly number: number;
  readonly contentHash: string;
  readonly authorId: string;
  readonly policyId: string | null;
  readonly promoterRole: PromoterRole;
  readonly approvals: number;
  readonly selfApproval: boolean;
  readonly rejectionBlocks: boolean;
  readonly reasonRequired: boolean;
  readonly soakChannel: string | null;
  readonly soakMinutes: number;
  readonly autoApply: boolean;
  readonly requestHours: number;
  readonly soakedSince: Date | null;
  readonly requestId: string | null;
  readonly requestHash: string;
  readonly requestServing: string | null;
  readonly requesterId: string;
  readonly requestReason: string | null;
  readonly expiresAt: Date;
}

/** The standings of these keys. What does not exist is absent from the answer, whose keys are `standingKey`s. */
export async function loadStandings(
  tx: SqlTx,
  workspaceId: string,
  keys: readonly StandingKey[],
  now: Date,
): Promise<Map<string, Standing>> {
  return withReviews(tx, workspaceId, await tx.$queryRaw<StandingRow[]>(standingsAt(workspaceId, keys, now)));
}

/** Read after the locks, in one statement: the version, the policy that decides, and the request that is open at `now`. */
export function standingsAt(workspaceId: string, keys: readonly StandingKey[], now: Date): Prisma.Sql {
  return Prisma.sql`
    SELECT v.prompt_id::text AS "promptId", w.channel_id::text AS "channelId", v.id::text AS id, v.number, v.content_hash AS "contentHash",
      v.author_id AS "authorId", p.id::text AS "policyId", p.promoter_role::text AS "promoterRole", p.approvals,
      p.self_approval AS "selfApproval", p.rejection_blocks AS "rejectionBlocks", p.reason_required AS "reasonRequired",
      soak.name AS "soakChannel", p.soak_minutes AS "soakMinutes", p.auto_apply AS "autoApply", p.request_hours AS "requestHours",
      CASE WHEN p.soak_minutes > 0 THEN served_since(v.workspace_id, p.soak_channel_id, v.prompt_id, v.id) END AS "soakedSince",
      r.id::text AS "requestId", r.content_hash AS "requestHash", r.serving_version_id::text AS "requestServing",
      r.requester_id AS "requesterId", r.reason AS "requestReason", r.expires_at AS "expiresAt"
    FROM unnest(${keys.map((key) => key.promptId)}::uuid[], ${keys.map((key) => key.channelId)}::uuid[],
      ${keys.map((key) => key.number)}::int[]) AS w(prompt_id, channel_id, number)
    JOIN "prompt_version" v ON v.workspace_id = ${workspaceId}::uuid AND v.prompt_id = w.prompt_id AND v.number = w.number
    CROSS JOIN LATERAL deciding_policy(v.workspace_id, w.channel_id, v.prompt_id) AS p
    LEFT JOIN "channel" soak ON soak.workspace_id = v.workspace_id AND soak.id = p.soak_channel_id
    LEFT JOIN "promotion_request" r ON r.workspace_id = v.workspace_id AND r.channel_id = w.channel_id AND r.version_id = v.id
      AND r.status = 'OPEN' AND r.expires_at > ${now}`;
}

/** A second statement where somebody asked for a promotion. */
export async function withReviews(
  tx: SqlTx,
  workspaceId: string,
  rows: readonly StandingRow[],
): Promise<Map<string, Standing>> {
  const reviews = await loadReviews(
    tx,
    workspaceId,
    rows.flatMap(({ requestId }) => requestId ?? []),
  );
  return new Map(rows.map((row) => [standingKey(row), standingOf(row, reviews)]));
}

export function standingKey({ promptId, channelId, number }: StandingKey): string {
  return `${promptId} ${channelId} ${number}`;
}

/** The reviews of each request, in order. Requests without any are absent. */
export async function loadReviews(
  tx: SqlTx,
  workspaceId: string,
  requestIds: readonly string[],
): Promise<Map<string, Judgement[]>> {
  const byRequest = new Map<string, Judgement[]>();
  if (requestIds.length === 0) return byRequest;
  const rows = await tx.$queryRaw<(Judgement & { readonly requestId: string })[]>`
    SELECT request_id::text AS "requestId", ordinal, reviewer_id AS "reviewerId", decision::text AS decision, content_hash AS "contentHash",
      serving_version_id::text AS "servingVersionId"
    FROM "promotion_review"
    WHERE workspace_id = ${workspaceId}::uuid AND request_id = ANY(${[...requestIds]}::uuid[])
    ORDER BY ordinal`;
  for (const { requestId, ...review } of rows)
    byRequest.set(requestId, [...(byRequest.get(requestId) ?? []), review]);
  return byRequest;
}

function standingOf(row: StandingRow, reviews: ReadonlyMap<string, Judgement[]>): Standing {
  const { id, number, contentHash, authorId, policyId, soakedSince, requestId } = row;
  return {
    version: { id, number, contentHash, authorId },
    policy: policyId === null ? DEFAULT_POLICY : policyOf(row),
    policyId,
    soakedSince,
    request:
      requestId === null
        ? null
        : {
            id: requestId,
            contentHash: row.requestHash,
            servingVersionId: row.requestServing,
            requesterId: row.requesterId,
            reason: row.requestReason,
            expiresAt: row.expiresAt,
            reviews: reviews.get(requestId) ?? [],
          },
  };
}

function policyOf({ soakChannel, soakMinutes, ...row }: StandingRow): Policy {
  const { promoterRole, approvals, selfApproval, rejectionBlocks, reasonRequired, autoApply, requestHours } =
    row;
  const soak = soakChannel === null ? null : { channel: soakChannel, minutes: soakMinutes };
  return {
    promoterRole,
    approvals,
    selfApproval,
    rejectionBlocks,
    reasonRequired,
    soak,
    autoApply,
    requestHours,
  };
}
