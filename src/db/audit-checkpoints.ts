import type { CheckpointFacts, SignedCheckpoint } from '../domain/checkpoint.ts';
import type { Prisma, PrismaClient } from './generated/prisma/client.ts';

const BATCH = 500;
const COLUMNS = {
  workspaceId: true,
  seq: true,
  hash: true,
  at: true,
  keyId: true,
  signature: true,
} as const;

/** Heads of logs that moved since their newest checkpoint of this key, by workspace, at most so many from behind one on. */
export async function readUnsignedHeads(
  reader: PrismaClient,
  keyId: string,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<Omit<CheckpointFacts, 'at'>[]> {
  return reader.$queryRaw<Omit<CheckpointFacts, 'at'>[]>`
    SELECT c.workspace_id::text AS "workspaceId", c.seq, c.hash FROM "event_counter" c
    WHERE c.seq > 0 AND (${after}::uuid IS NULL OR c.workspace_id > ${after}::uuid) AND NOT EXISTS (
      SELECT 1 FROM "audit_checkpoint" a WHERE a.workspace_id = c.workspace_id AND a.seq >= c.seq AND a.key_id = ${keyId}
    )
    ORDER BY c.workspace_id LIMIT ${limit}`;
}

/** Keeps it, unless a node has signed the same head with the same key: that one counts. @returns whether it is kept. */
export async function keepCheckpoint(
  tx: Prisma.TransactionClient,
  checkpoint: SignedCheckpoint,
): Promise<boolean> {
  const { hash, signature, ...facts } = checkpoint;
  const { count } = await tx.auditCheckpoint.createMany({
    data: { ...facts, hash: new Uint8Array(hash), signature: new Uint8Array(signature) },
    skipDuplicates: true,
  });
  return count === 1;
}

/** Asked when a checkpoint could not be kept: of a workspace that was deleted meanwhile there is nothing to sign. */
export async function hasWorkspace(writer: PrismaClient, workspaceId: string): Promise<boolean> {
  return (await writer.workspace.count({ where: { id: workspaceId } })) === 1;
}

export async function findCheckpoint(
  tx: Prisma.TransactionClient,
  workspaceId: string,
  seq: bigint,
  keyId: string,
): Promise<SignedCheckpoint | null> {
  return tx.auditCheckpoint.findUnique({
    where: { workspaceId_seq_keyId: { workspaceId, seq, keyId } },
    select: COLUMNS,
  });
}

/** Those that did not reach their place outside, oldest first, at most 500; those that were just signed are on their way. */
export async function readUnpublished(
  reader: PrismaClient,
  keyId: string,
  signedBefore: Date,
): Promise<SignedCheckpoint[]> {
  return reader.auditCheckpoint.findMany({
    where: { keyId, publishedAt: null, at: { lt: signedBefore } },
    orderBy: { at: 'asc' },
    take: BATCH,
    select: COLUMNS,
  });
}

export async function markPublished(
  writer: PrismaClient,
  checkpoints: readonly SignedCheckpoint[],
  now: Date,
): Promise<void> {
  const keys = checkpoints.map(({ workspaceId, seq, keyId }) => ({ workspaceId, seq, keyId }));
  await writer.auditCheckpoint.updateMany({ where: { OR: keys }, data: { publishedAt: now } });
}

/** Workspaces whose log does not hold any more what their newest checkpoint says: it was cut, or written anew. */
export async function readContradictions(
  reader: PrismaClient,
): Promise<{ readonly workspaceId: string; readonly seq: bigint }[]> {
  return reader.$queryRaw`
    SELECT a.workspace_id::text AS "workspaceId", a.seq
    FROM "workspace" w
    CROSS JOIN LATERAL (
      SELECT * FROM "audit_checkpoint" c WHERE c.workspace_id = w.id ORDER BY c.seq DESC LIMIT 1
    ) AS a
    LEFT JOIN "event" e ON e.workspace_id = a.workspace_id AND e.seq = a.seq
    WHERE e.hash IS DISTINCT FROM a.hash
    LIMIT ${BATCH}`;
}
