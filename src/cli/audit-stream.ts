import { CliError } from './cli-error.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { reach, statusFailure } from './graphql-client.ts';
import { withRetries } from './retry.ts';

const NEWLINE = 0x0a;
const RESUMES_MAX = 20;

export interface ExportWish {
  readonly after: number;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface ExportStream {
  /** Where the log ends; the export goes so far. */
  readonly head: number;
  /** Whole lines: an export that is cut in the middle of one is gone on with from the last whole one. */
  readonly chunks: AsyncGenerator<Buffer>;
}

/** Opens the server's export; null: it is of a version that has none. @throws CliError */
export async function openExport(connection: Connection, wish: ExportWish): Promise<ExportStream | null> {
  const response = await ask(connection, wish);
  if (response === null) return null;
  return { head: headOf(response), chunks: wholeLines(connection, wish, response) };
}

const headOf = ({ headers }: Response): number => Number(headers.get('x-promptforge-audit-head'));

async function ask(connection: Connection, wish: ExportWish): Promise<Response | null> {
  const { endpoint, apiKey } = connection;
  const url = new URL(endpoint);
  url.pathname = endpoint.pathname.replace(/\/graphql$/, '/v1/audit/events');
  for (const name of ['after', 'since', 'until'] as const) {
    const value = wish[name];
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  return withRetries(async () => {
    const response = await reach(endpoint, () => fetch(url, { headers, redirect: 'manual' }));
    if (response.status === 200 && isExport(response)) return response;
    if (response.status === 200) {
      await response.body?.cancel();
      const found = response.headers.get('content-type') ?? 'no content type';
      throw new CliError(
        EXIT_CODE.REFUSED,
        `${url.href} answers with no audit trail (${found}): check --url`,
      );
    }
    const text = await reach(endpoint, () => response.text());
    if (response.status === 404) return null;
    const failure = statusFailure(url, response, { text, sentBytes: 0, apiKey });
    throw failure ?? new CliError(EXIT_CODE.REFUSED, `the server refuses: ${detailOf(text)}`);
  });
}

/** A proxy's page is no trail, whatever its status. */
function isExport({ headers }: Response): boolean {
  const type = headers.get('content-type') ?? '';
  return type.startsWith('application/x-ndjson') && headers.has('x-promptforge-audit-head');
}

function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
  } catch {
    // No problem of ours.
  }
  return 'it does not say why';
}

async function* wholeLines(
  connection: Connection,
  wish: ExportWish,
  first: Response,
): AsyncGenerator<Buffer> {
  let { after } = wish;
  // Of a part in time it cannot be said from here which event is its last.
  const isPart = wish.since !== undefined || wish.until !== undefined;
  const head = headOf(first);
  let response: Response | null = first;
  for (let resumes = 0; ; resumes += 1) {
    let rest: Buffer = Buffer.alloc(0);
    try {
      for await (const chunk of response?.body ?? []) {
        const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
        const end = bytes.lastIndexOf(NEWLINE) + 1;
        rest = bytes.subarray(end);
        if (end === 0) continue;
        const lines = bytes.subarray(0, end);
        after = lastSeq(lines) ?? after;
        yield lines;
      }
      if (rest.length === 0 && (isPart || after >= head)) return;
    } catch (error) {
      if (error instanceof CliError) throw error;
    }
    if (resumes === RESUMES_MAX) {
      const advice = `the trail broke off after event ${after}, again and again: go on with --after ${after}`;
      throw new CliError(EXIT_CODE.UNREACHABLE, advice);
    }
    response = await ask(connection, { ...wish, after });
  }
}

function lastSeq(lines: Buffer): number | null {
  const begin = lines.lastIndexOf(NEWLINE, lines.length - 2) + 1;
  const seq = /"seq":(\d+)/.exec(lines.toString('utf8', begin, Math.min(lines.length, begin + 200)))?.[1];
  return seq === undefined ? null : Number(seq);
}
