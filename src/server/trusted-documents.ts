import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigInvalid } from './config.ts';
import type { Operations } from './operations.ts';

const VARIABLE = 'PROMPTFORGE_TRUSTED_DOCUMENTS';
const FAULTS_SHOWN_MAX = 5;

/** Apollo's manifest, as `generate-persisted-query-manifest` writes it. */
const APOLLO = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string().min(1), body: z.string().min(1) })),
});
/** Texts by their hashes: what the client preset of GraphQL Code Generator and Relay's compiler write. */
const BY_HASH = z.record(z.string().min(1), z.string().min(1));
const FORMS =
  'must be {"<id>": "<document>"} or an apollo-persisted-query-manifest of version 1, with at least one document';

/** The documents of the manifest by their ids. @throws ConfigInvalid for what cannot be read, or holds a document that this graph refuses */
export function readTrustedDocuments(
  path: string,
  operations: Pick<Operations, 'parse'>,
): ReadonlyMap<string, string> {
  const documents = documentsOf(path, parsed(path));
  const faults = [...documents].flatMap(([id, text]) => {
    const [error] = operations.parse(text).errors;
    return error === undefined
      ? []
      : [`${VARIABLE}: the document ${JSON.stringify(id)} of ${path} is refused: ${error.message}`];
  });
  if (faults.length > 0) throw new ConfigInvalid(faults.slice(0, FAULTS_SHOWN_MAX));
  return documents;
}

function documentsOf(path: string, manifest: unknown): ReadonlyMap<string, string> {
  const apollo = APOLLO.safeParse(manifest);
  if (apollo.success)
    return mapOf(
      path,
      apollo.data.operations.map(({ id, body }) => [id, body]),
    );
  const byHash = BY_HASH.safeParse(manifest);
  // What names a format and is not as it says is no map of documents that happens to have such an id.
  const isByHash = byHash.success && byHash.data['format'] === undefined;
  if (!isByHash) throw new ConfigInvalid([`${VARIABLE}: ${path} ${FORMS}`]);
  return mapOf(path, Object.entries(byHash.data));
}

function mapOf(path: string, entries: readonly [id: string, text: string][]): ReadonlyMap<string, string> {
  const documents = new Map(entries);
  if (documents.size === 0) throw new ConfigInvalid([`${VARIABLE}: ${path} ${FORMS}`]);
  if (documents.size < entries.length)
    throw new ConfigInvalid([`${VARIABLE}: ${path} has two documents of one id`]);
  return documents;
}

function parsed(path: string): unknown {
  try {
    // Some editors put a byte order mark before everything.
    return JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigInvalid([`${VARIABLE} must be the path of a JSON file: ${why}`]);
  }
}
