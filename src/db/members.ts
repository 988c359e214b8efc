import { NotFound } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import { storedGrants } from '../domain/member-role.ts';
import type { Tx } from './transaction.ts';

/** Locks a member: of two who change it at once the second sees what the first has done. @throws NotFound */
export async function lockMember(tx: Tx, workspaceId: string, id: string) {
  if (!isUuid(id)) throw memberNotFound(id);
  await tx.$executeRaw`
    SELECT 1 FROM "member" WHERE workspace_id = ${workspaceId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
  const row = await tx.member.findUnique({ where: { workspaceId_id: { workspaceId, id } } });
  if (row === null) throw memberNotFound(id);
  return { ...row, grants: storedGrants(row.grants) };
}

function memberNotFound(id: string): NotFound {
  return new NotFound(`this workspace has no member ${JSON.stringify(id.slice(0, 60))}`);
}
