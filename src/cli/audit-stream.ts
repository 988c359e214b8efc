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
  /** How many of the newest events the server has counted and does not have; known when all chunks were read. */
  missing(): number;
}

/** Opens the server's export; null: it is of a version that has none. @throws CliError */
export async function openExport(connection: Connection, wish: ExportWish): Promise<ExportStream | null> {
  const response = await ask(connection, wish);
  if (response === null) return null;
  const head = headOf(response);
  const place = { after: wish.after };
  // Of a part in time it cannot be said from here which event is its last.
  const end = wish.since !== undefined || wish.until !== undefined ? null : head;
  return {
    head,
    chunks: wholeLines(connection, { wish, end, place }, response),
    missing: () => (end === null ? 0 : Math.max(0, end - place.after)),
  };
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

interface Reading {
  readonly wish: ExportWish;
  /** The event that it ends with; null: whenever the server ends it. */
  readonly end: number | null;
  /** The last event that was read whole. */
  readonly place: { after: number };
}

async function* wholeLines(
  connection: Connection,
  { wish, end, place }: Reading,
  first: Response,
): AsyncGenerator<Buffer> {
  let response: Response | null = first;
  for (let resumes = 0; ; resumes += 1) {
    let rest: Buffer = Buffer.alloc(0);
    const before = place.after;
    try {
      for await (const chunk of response?.body ?? []) {
        const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
        const length = bytes.lastIndexOf(NEWLINE) + 1;
        rest = bytes.subarray(length);
        if (length === 0) continue;
        const lines = bytes.subarray(0, length);
        place.after = lastSeq(lines) ?? place.after;
        yield lines;
      }
      // One that is asked to go on and has nothing more is no broken one: the log ends before its head, which is for the reader to judge.
      const isOver = end === null || place.after >= end || (resumes > 0 && place.after === before);
      if (rest.length === 0 && isOver) return;
    } catch (error) {
      if (error instanceof CliError) throw error;
    }
    const { after } = place;
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
