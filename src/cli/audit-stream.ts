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
  const head = Number(response.headers.get('x-promptforge-audit-head') ?? 0);
  return { head, chunks: wholeLines(connection, wish, response) };
}

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
    if (response.status === 200) return response;
    const text = await reach(endpoint, () => response.text());
    if (response.status === 404) return null;
    const failure = statusFailure(url, response, { text, sentBytes: 0, apiKey });
    throw failure ?? new CliError(EXIT_CODE.REFUSED, `the server refuses: ${detailOf(text)}`);
  });
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
      return;
    } catch (error) {
      if (error instanceof CliError || resumes === RESUMES_MAX) throw error;
    }
    response = await ask(connection, { ...wish, after });
  }
}

function lastSeq(lines: Buffer): number | null {
  const begin = lines.lastIndexOf(NEWLINE, lines.length - 2) + 1;
  const seq = /"seq":(\d+)/.exec(lines.toString('utf8', begin, Math.min(lines.length, begin + 200)))?.[1];
  return seq === undefined ? null : Number(seq);
}
