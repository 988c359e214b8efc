import { CloseCode } from 'graphql-ws';
import type { CloseReason } from './streams.ts';

/** Why a WebSocket is closed that is no other stream's reason. */
type OwnReason =
  | 'TOO_MANY_SUBSCRIPTIONS'
  | 'RATE_LIMITED'
  | 'OVERLOADED'
  | 'UNFINISHED_MESSAGE'
  | 'BAD_MESSAGE';

interface Close {
  readonly code: number;
  readonly reason: string;
}

const RESUME = 'resume from your last cursor';

/** What a WebSocket is closed with, by why; docs/http.md lists them for clients. */
export const CLOSES: Readonly<Record<CloseReason | OwnReason, Close>> = {
  CREDENTIAL_ENDED: { code: CloseCode.Unauthorized, reason: 'the credential was revoked or has expired' },
  DRAINING: { code: 1012, reason: `this node is draining: reconnect elsewhere, ${RESUME}` },
  AGE: { code: 1012, reason: `the connection is old: reconnect, ${RESUME}` },
  SLOW_CONSUMER: { code: 4290, reason: `slow consumer: reconnect, ${RESUME}` },
  TOO_MANY_SUBSCRIPTIONS: { code: 4291, reason: 'too many subscriptions on this connection or key' },
  RATE_LIMITED: {
    code: CloseCode.TooManyInitialisationRequests,
    reason: 'too many requests: try again later',
  },
  UNFINISHED_MESSAGE: { code: 1008, reason: 'a message has to be finished within a few seconds' },
  BAD_MESSAGE: { code: CloseCode.BadRequest, reason: 'messages are text' },
  OVERLOADED: { code: 1013, reason: 'overloaded: try again later' },
  WORKSPACE_GONE: { code: CloseCode.Forbidden, reason: 'the workspace is gone' },
  FAILED: { code: CloseCode.InternalServerError, reason: 'unexpected error: see the server log' },
};
