import { NotFound } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import type { Tx } from './transaction.ts';

/** Locks a key: of two who change it at once the second waits here and sees what the first has done. @throws NotFound */
export async function lockApiKey(tx: Tx, workspaceId: string, id: string) {
  if (!isUuid(id)) throw keyNotFound(id);
  await tx.$executeRaw`
    SELECT 1 FROM "api_key" WHERE workspace_id = ${workspaceId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
  const row = await tx.apiKey.findUnique({ where: { workspaceId_id: { workspaceId, id } } });
  if (row === null) throw keyNotFound(id);
  return row;
}

function keyNotFound(id: string): NotFound {
  return new NotFound(`this workspace has no API key ${JSON.stringify(id.slice(0, 60))}`);
}
