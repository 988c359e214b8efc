import type { Cause, End } from './transport.ts';

/** What docs/http.md says of each close code and error code. What does not stand here is a connection that was lost. */
const CAUSES: Readonly<Record<string, Cause>> = {
  1012: 'draining',
  1013: 'busy',
  4291: 'busy',
  4401: 'revoked',
  4403: 'unauthorised',
  4406: 'unsupported',
  4429: 'busy',
  BAD_CURSOR: 'badCursor',
  CHANNEL_NOT_FOUND: 'refused',
  FORBIDDEN: 'unauthorised',
  // An older server that does not know a field or an argument of ours: the event stream asks for nothing of the kind.
  GRAPHQL_VALIDATION_FAILED: 'unsupported',
  INVALID_INPUT: 'refused',
  NOT_FOUND: 'refused',
  OVERLOADED: 'busy',
  RATE_LIMITED: 'busy',
  TOO_MANY_STREAMS: 'busy',
  UNAUTHENTICATED: 'unauthorised',
  UNAVAILABLE: 'busy',
};

export const causeOf = (code: string | number): Cause | undefined =>
  Object.hasOwn(CAUSES, code) ? CAUSES[code] : undefined;

/** A close code; the event stream names the same ones in its last comment. */
export function endOfClose(code: number, reason: string): End {
  return { cause: causeOf(code) ?? 'lost', message: `closed with ${code} ${reason}`.trimEnd() };
}
