import { request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { deferred } from './deferred.ts';
import { inTime } from './socket.ts';

export interface ServerSentEvent {
  readonly event?: string;
  readonly id?: string;
  readonly data?: string;
  readonly retry?: string;
  /** A comment, which programs do not see. */
  readonly comment?: string;
}

/** A response of server-sent events, aborted when the test ends. */
export interface TestEventStream {
  readonly headers: IncomingHttpHeaders;
  /** The next event that came, comments and `retry` left out. */
  next(): Promise<ServerSentEvent>;
  /** The next of all that came, comments included. */
  nextBlock(): Promise<ServerSentEvent>;
  /** Resolves when the server has ended the response (true), or the connection was lost (false). */
  readonly ended: Promise<boolean>;
  abort(): void;
  pause(): void;
  resume(): void;
}

interface StreamOptions {
  readonly key?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Opens it, as a client that speaks HTTP and nothing else; rejects with status and body when something else is answered. */
export async function openEventStream(
  address: string,
  { key, method = 'GET', headers = {}, body }: StreamOptions,
): Promise<TestEventStream> {
  const authorization: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answered = deferred<IncomingMessage>();
  const sent = request(address, {
    method,
    agent: false,
    headers: { accept: 'text/event-stream', ...authorization, ...headers },
  });
  onTestFinished(() => void sent.destroy());
  sent.on('response', (response) => answered.resolve(response));
  sent.on('error', (error) => answered.reject(error));
  sent.end(body);
  const response = await inTime(answered.promise, 'no answer came');
  const type = response.headers['content-type'] ?? '';
  if (response.statusCode !== 200 || !type.startsWith('text/event-stream'))
    throw new Error(`answered ${response.statusCode} ${type}: ${await text(response)}`);
  return follow(response, () => void sent.destroy());
}

function follow(response: IncomingMessage, abort: () => void): TestEventStream {
  const blocks: ServerSentEvent[] = [];
  const ended = deferred<boolean>();
  let arrived = deferred<void>();
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    const parts = `${rest}${chunk}`.split('\n\n');
    rest = parts.pop() ?? '';
    blocks.push(...parts.map(parseBlock));
    arrived.resolve();
  });
  response.on('error', () => undefined);
  response.on('close', () => ended.resolve(response.complete));

  async function nextBlock(): Promise<ServerSentEvent> {
    for (;;) {
      const block = blocks.shift();
      if (block !== undefined) return block;
      arrived = deferred();
      const end = await inTime(Promise.race([arrived.promise, ended.promise]), 'no event came');
      if (end !== undefined && blocks.length === 0)
        throw new Error(end ? 'the stream was ended' : 'the connection was lost');
    }
  }

  return {
    headers: response.headers,
    nextBlock,
    next: async () => {
      for (;;) {
        const block = await nextBlock();
        if (block.event !== undefined || block.data !== undefined) return block;
      }
    },
    ended: ended.promise,
    abort,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
  };
}

function parseBlock(block: string): ServerSentEvent {
  return Object.fromEntries(
    block.split('\n').map((line) => {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      return [name === '' ? 'comment' : name, line.slice(colon + 1).replace(/^ /, '')];
    }),
  );
}
