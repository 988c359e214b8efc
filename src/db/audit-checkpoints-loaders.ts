import type { SignedCheckpoint } from '../domain/checkpoint.ts';
import type { PrismaClient } from './generated/prisma/client.ts';

/** The workspace's newest. */
export async function newestCheckpoint(
  reader: PrismaClient,
  workspaceId: string,
): Promise<SignedCheckpoint | null> {
  return reader.auditCheckpoint.findFirst({
    where: { workspaceId },
    orderBy: { seq: 'desc' },
    select: { workspaceId: true, seq: true, hash: true, at: true, keyId: true, signature: true },
  });
}
