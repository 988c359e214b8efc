import type { Tx } from './transaction.ts';

/**
 * Brings the search texts of the prompts up to date: slug, description and the first 64 kB of the newest version's text, read from what
 * this transaction has written. The trigram index over them is what `prompts(filter: { search })` uses.
 */
export async function refreshSearch(
  tx: Tx,
  workspaceId: string,
  promptIds: readonly string[],
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO "prompt_search" (workspace_id, prompt_id, text)
    SELECT p.workspace_id, p.id, p.slug || E'\n' || coalesce(p.description, '') || E'\n' || left(coalesce(v.template, chat.text, ''), 65536)
    FROM "prompt" p
    JOIN "prompt_version" v ON v.workspace_id = p.workspace_id AND v.prompt_id = p.id AND v.number = p.latest_number
    LEFT JOIN LATERAL (
      SELECT string_agg(part.value ->> 'content', E'\n') AS text FROM json_array_elements(v.messages) AS part(value)
    ) AS chat ON true
    WHERE p.workspace_id = ${workspaceId}::uuid AND p.id = ANY(${[...new Set(promptIds)]}::uuid[])
    ON CONFLICT (workspace_id, prompt_id) DO UPDATE SET text = excluded.text WHERE "prompt_search".text IS DISTINCT FROM excluded.text`;
}
