import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { answerWith, keyOf, problemOf } from './fake-try.ts';
import type { Met, Wish } from './fake-try.ts';
import { asEvent } from './frames.ts';

/** `GET /v1/channels/{name}/events`. */
export function streamTry(req: IncomingMessage, res: ServerResponse): Met {
  return {
    ...common(req, res),
    over: 'sse',
    accept: async ({ bare }) => {
      res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
      res.flushHeaders();
      if (!bare) res.write('retry: 93\n\n');
      return wishOf(req);
    },
    tell: (told) => void res.write(told.map(asEvent).join('')),
    close: (code) => void res.end(`: ${code} says the case\n\n`),
  };
}

/** `GET /v1/channels/{name}`: held until the case says what is served. */
export function pollTry(req: IncomingMessage, res: ServerResponse): Met {
  return {
    ...common(req, res),
    over: 'polling',
    accept: async () => wishOf(req),
    tell: (_told, { channel, cursor, entries, etag, headers: other }) => {
      const all = { etag, 'x-promptforge-cursor': cursor, ...other };
      const headers = Object.fromEntries(
        Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
      );
      if (wishOf(req).ifNoneMatch === headers['etag']) return answerWith(res, { status: 304, headers });
      const sorted = [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
      answerWith(res, {
        status: 200,
        headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
        body: JSON.stringify({ channel, cursor, entries: sorted }),
      });
    },
    close: () => void res.destroy(),
  };
}

function common(req: IncomingMessage, res: ServerResponse): Omit<Met, 'over' | 'accept' | 'tell' | 'close'> {
  const gone = new Promise<void>((resolve) => void res.on('close', resolve));
  return {
    key: () => keyOf(req),
    answer: (answer) => answerWith(res, answer),
    refuse: async (how) => answerWith(res, problemOf(how)),
    cut: () => void req.socket.destroy(),
    mute: () => void req.socket.pause(),
    drain: () => void req.socket.resume(),
    say: async (text, { bytewise }) => {
      if (!bytewise) res.write(text);
      for (const byte of bytewise ? Buffer.from(text) : []) {
        res.write(Buffer.of(byte));
        await turn();
      }
    },
    gone,
  };
}

function wishOf({ url = '', headers }: IncomingMessage): Wish {
  const { pathname, searchParams } = new URL(url, 'http://server');
  const prompts = searchParams.getAll('prompts').flatMap((list) => list.split(','));
  const last = headers['last-event-id'];
  return {
    after: (typeof last === 'string' && last !== '' ? last : null) ?? searchParams.get('after'),
    prompts: prompts.length === 0 ? null : prompts,
    channel: decodeURIComponent(pathname.split('/')[3] ?? ''),
    instance: searchParams.get('instance'),
    ifNoneMatch: headers['if-none-match'] ?? null,
    minCursor: textOf(headers['x-promptforge-min-cursor']),
  };
}

function textOf(header: string | readonly string[] | undefined): string | null {
  return typeof header === 'string' ? header : null;
}
