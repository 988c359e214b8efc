import { causeOf } from './causes.ts';
import type { Cause, End } from './transport.ts';

const UNSUPPORTED = [404, 405, 406, 410, 415, 426, 501];

/** What an answer that is not the wished one says about the connection. */
export async function endOfResponse(response: Response, what: string): Promise<End> {
  const { status, headers } = response;
  const { code, detail } = await problemOf(response);
  const message = `${what} was answered with ${[status, code, detail].filter((part) => part !== '').join(' ')}`;
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), headers.get('date'));
  return { cause: causeOf(code) ?? causeOfStatus(status), message, retryAfterMs };
}

/** Where something else than PromptForge answers: a proxy, or another service. */
function causeOfStatus(status: number): Cause {
  if (status === 401 || status === 403) return 'unauthorised';
  if (status === 429 || status === 503) return 'busy';
  return UNSUPPORTED.includes(status) ? 'unsupported' : 'lost';
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
    const { code, detail } = (await response.json()) as {
      readonly code?: unknown;
      readonly detail?: unknown;
    };
    return { code: typeof code === 'string' ? code : '', detail: typeof detail === 'string' ? detail : '' };
  } catch {
    return nothing;
  }
}
