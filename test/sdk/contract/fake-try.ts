import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer, Content, Transport } from './format.ts';
import type { Telling } from './frames.ts';

/** What a client asked for with one try. */
export interface Wish {
  readonly after: string | null;
  readonly prompts: readonly string[] | null;
  readonly channel: string;
  readonly instance: string | null;
  readonly ifNoneMatch: string | null;
  readonly minCursor: string | null;
}

/** One try of a client to hear what is served: an upgrade, an event stream, or a poll. Nothing is answered until the case says what. */
export interface Try {
  readonly over: Transport;
  readonly url: number;
  readonly at: number;
  readonly key: () => string | null;
  /** Answers as a server that takes it, and says what was asked for. */
  accept(how: { readonly bare: boolean }): Promise<Wish>;
  /** Answers it with something else. */
  answer(answer: Answer): void;
  /** Refuses as the real one does. */
  refuse(how: Refused): Promise<void>;
  cut(): void;
  /** From now on nothing that comes is read, and nothing is sent: half open. */
  mute(): void;
  /** Reads again, and throws away what comes: only so can it be seen that the client is gone. */
  drain(): void;
  tell(told: readonly Telling[], state: PolledState): void;
  say(text: string, how: { readonly bytewise: boolean; readonly binary: boolean }): Promise<void>;
  close(code: number): void;
  /** The client has let go of it. */
  readonly gone: Promise<void>;
}

export interface Refused {
  readonly status: number;
  readonly code: string;
  /** WebSocket: the connection is closed with it at `connection_init`; null: the subscription is refused. */
  readonly closeCode: number | null;
}

/** What `GET /v1/channels/{name}` answers. */
export interface PolledState {
  readonly channel: string;
  readonly cursor: string;
  readonly entries: ReadonlyMap<string, Content>;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string | null>>;
}

/** A try as its transport meets it. */
export type Met = Omit<Try, 'url' | 'at'>;

export function answerWith(res: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  res.writeHead(status, headers);
  res.end(body);
}

/** REST has one code for whatever is not there. */
export function problemOf({ status, code: known }: Pick<Refused, 'status' | 'code'>): Answer {
  const code = status === 404 ? 'NOT_FOUND' : known;
  const body = JSON.stringify({
    type: 'about:blank',
    title: code,
    status,
    detail: `${code}, says the case`,
    code,
  });
  return { status, headers: { 'content-type': 'application/problem+json' }, body };
}

export function keyOf({ headers }: IncomingMessage): string | null {
  return headers.authorization?.replace(/^Bearer /, '') ?? null;
}
