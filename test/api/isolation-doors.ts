import { request } from 'node:http';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';

/** What a client sees of an answer. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Server = Pick<TestServer, 'url'>;
type Variables = Readonly<Record<string, unknown>>;

/** They differ from one request to the next, whoever asks for what. */
const OWN_HEADERS = new Set(['date', 'x-request-id', 'x-promptforge-cursor', 'content-length']);

export async function askByHttp(
  server: Server,
  key: string,
  query: string,
  variables: Variables,
): Promise<Answered> {
  return ask(server, '/graphql', {
    key,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
}

/** Any request; of a stream what came until `firstOf` was in it. */
export function ask(
  { url }: Server,
  path: string,
  options: {
    readonly key: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    /** Of a stream: only so many events. */
    readonly events?: number;
  },
): Promise<Answered> {
  const { key, method = 'GET', headers = {}, body, events } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}${path}`,
      { method, agent: false, headers: { authorization: `Bearer ${key}`, ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        const settle = (all: string) =>
          resolve({ status: response.statusCode ?? 0, headers: headersOf(response.headers), body: all });
        response.on('data', (chunk: string) => {
          text += chunk;
          const blocks = text.split('\n\n').filter((block) => block.includes('data:'));
          if (events === undefined || blocks.length < events || !text.endsWith('\n\n')) return;
          settle(blocks.slice(0, events).join('\n\n'));
          sent.destroy();
        });
        response.on('end', () => settle(text));
        response.on('error', () => undefined);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function headersOf(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      OWN_HEADERS.has(name) ? [] : [[name, String(value)]],
    ),
  );
}

/** The first message that answers, of a subscription or of any other operation. */
export async function askBySocket(
  server: Server,
  key: string,
  query: string,
  variables: Variables,
): Promise<Answered> {
  const socket = await openAcknowledged(server.url, key);
  socket.send({ type: 'subscribe', id: '1', payload: { query, variables } });
  const message = await socket.next();
  socket.terminate();
  return { status: 0, headers: {}, body: JSON.stringify(message) };
}

/** The first event of a subscription. */
export function askBySse(
  server: Server,
  key: string,
  query: string,
  variables: Variables,
): Promise<Answered> {
  return ask(server, '/graphql', {
    key,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query, variables }),
    events: 1,
  });
}
