import type { End } from './transport.ts';

const UNSUPPORTED = [405, 406, 410, 415, 426, 501];

/** What an answer that is not the wished one says about the connection. */
export async function endOfResponse(response: Response, what: string): Promise<End> {
  const { status, headers } = response;
  const { code, detail } = await problemOf(response);
  const message = `${what} was answered with ${[status, code, detail].filter((part) => part !== '').join(' ')}`;
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), headers.get('date'));
  if (status === 401 || status === 403) return { cause: 'unauthorised', message };
  if (code === 'BAD_CURSOR') return { cause: 'badCursor', message };
  if (code === 'NOT_FOUND' || code === 'INVALID_INPUT') return { cause: 'refused', message };
  if (status === 429 || status === 503) return { cause: 'busy', message, retryAfterMs };
  // A 404 that is none of PromptForge's: something in front of it knows no such path.
  if (status === 404 || UNSUPPORTED.includes(status)) return { cause: 'unsupported', message };
  return { cause: 'lost', message, retryAfterMs };
}

/** Seconds, or a date, which is measured against the server's own clock. */
function parseRetryAfter(value: string | null, serverDate: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1_000;
  const ms = Date.parse(value) - Date.parse(serverDate ?? '');
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

async function problemOf(response: Response): Promise<{ readonly code: string; readonly detail: string }> {
  const nothing = { code: '', detail: '' };
  try {
    if (response.headers.get('content-type')?.includes('json') !== true) {
      await response.body?.cancel();
      return nothing;
    }
    const { code, detail } = (await response.json()) as {
      readonly code?: unknown;
      readonly detail?: unknown;
    };
    return { code: typeof code === 'string' ? code : '', detail: typeof detail === 'string' ? detail : '' };
  } catch {
    return nothing;
  }
}
