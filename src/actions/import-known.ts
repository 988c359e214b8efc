import type { Tx } from '../db/transaction.ts';
import { dateInHistory } from '../domain/version.ts';

interface KnownVersion {
  readonly id: string;
  readonly contentHash: string;
  /** It was imported with this very date; the others were saved here, and an export gave them theirs. */
  readonly isImported: boolean;
}

/** The versions of a prompt by their dates, in milliseconds. */
export type KnownVersions = Map<number, KnownVersion>;

/**
 * The versions that an import may name: those of the dates that were imported, and all of prompts that have some that were saved here,
 * under the dates that an export of this server gives them. @returns by prompt
 */
export async function knownVersions(
  tx: Tx,
  workspaceId: string,
  { promptIds, dates }: { readonly promptIds: readonly string[]; readonly dates: readonly Date[] },
): Promise<Map<string, KnownVersions>> {
  const ofAny = { workspaceId, promptId: { in: [...promptIds] } };
  const savedHere = await tx.promptVersion.findMany({
    where: { ...ofAny, committedAt: null },
    distinct: ['promptId'],
    select: { promptId: true },
  });
  const mixed = { promptId: { in: savedHere.map(({ promptId }) => promptId) } };
  const versions = await tx.promptVersion.findMany({
    where: { ...ofAny, OR: [{ committedAt: { in: [...dates] } }, mixed] },
    select: { id: true, promptId: true, createdAt: true, committedAt: true, contentHash: true },
    orderBy: { number: 'asc' },
  });
  const known = new Map<string, KnownVersions>(promptIds.map((id) => [id, new Map()]));
  const lastMs = new Map<string, number>();
  for (const { id, promptId, createdAt, committedAt, contentHash } of versions) {
    const exportedMs = dateInHistory(Number(createdAt), lastMs.get(promptId) ?? null);
    lastMs.set(promptId, exportedMs);
    const isImported = committedAt !== null;
    known.get(promptId)?.set(isImported ? Number(committedAt) : exportedMs, { id, contentHash, isImported });
  }
  return known;
}
