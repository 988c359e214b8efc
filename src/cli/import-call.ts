import { z } from 'zod';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { exitCodeOf } from './graphql-client.ts';
import type { Request } from './graphql-client.ts';
import type { ImportedVersion } from './import-line.ts';
import { TryLater, withRetries } from './retry.ts';

const IMPORT_VERSIONS = `mutation ($input: ImportVersionsInput!) {
  importVersions(input: $input) {
    __typename
    ... on ImportReport { created skipped }
    ... on Error { code message }
    ... on InvalidInput { field }
  }
}`;
const ANSWER = z.object({
  importVersions: z.union([
    z.object({ __typename: z.literal('ImportReport'), created: z.number(), skipped: z.number() }),
    z.object({ code: z.string(), message: z.string(), field: z.string().optional() }),
  ]),
});
const PLACE = /\bversions\[(\d+)\][.:\s]*/;

export type ImportOutcome =
  | { readonly created: number; readonly skipped: number }
  /** Nothing of the call was saved. `index`: of the version that is to blame, where the server says it. */
  | { readonly refusal: string; readonly index: number | null };

/**
 * One call of `importVersions`: all or nothing.
 * @throws CliError when no other versions would fare better
 */
export async function callImport(
  request: Request,
  versions: readonly ImportedVersion[],
): Promise<ImportOutcome> {
  return withRetries(async () => {
    const answer = ANSWER.safeParse(await request(IMPORT_VERSIONS, { input: { versions } }));
    if (!answer.success) {
      throw new CliError(
        EXIT_CODE.REFUSED,
        'the server answers an import with something else: it has another version',
      );
    }
    const { importVersions: result } = answer.data;
    if ('created' in result) return { created: result.created, skipped: result.skipped };
    return refusal(result);
  });
}

function refusal({
  code,
  message,
  field,
}: {
  code: string;
  message: string;
  field?: string | undefined;
}): ImportOutcome {
  const error = new CliError(exitCodeOf(code), message);
  if (error.exitCode === EXIT_CODE.UNREACHABLE) throw new TryLater(error, null);
  if (error.exitCode === EXIT_CODE.UNAUTHORISED) throw error;
  const [, index] = PLACE.exec(field ?? message) ?? [];
  // The index is of our call; the reader knows the lines of the file.
  return { refusal: message.replace(PLACE, ''), index: index === undefined ? null : Number(index) };
}
