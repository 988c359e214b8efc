import type { Cause, End } from './transport.ts';

/** What docs/http.md says of each close code. What does not stand here is a connection that was lost. */
const CAUSES: Readonly<Record<number, Cause>> = {
  1012: 'draining',
  1013: 'busy',
  4291: 'busy',
  4401: 'revoked',
  4403: 'unauthorised',
  4406: 'unsupported',
  4429: 'busy',
};

/** The event stream names the same codes in its last comment. */
export function endOfClose(code: number, reason: string): End {
  return {
    cause: CAUSES[code] ?? 'lost',
    message: `closed with ${code}${reason === '' ? '' : ` ${reason}`}`,
  };
}
