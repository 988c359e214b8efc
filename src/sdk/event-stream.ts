import { messageOf } from './errors.ts';
import { endOfClose } from './causes.ts';
import { Gap } from './frame.ts';
import { endOfResponse } from './http-end.ts';
import { channelUrl, requestHeaders } from './request.ts';
import { SseParser } from './sse-parser.ts';
import { frameOfStream } from './stream-frame.ts';
import { endOfError } from './transport.ts';
import type { End, Sink, Transport, Wish } from './transport.ts';

/** `GET /v1/channels/{name}/events`, read with `fetch`. */
export function eventStream(fetcher: typeof fetch): Transport {
  return {
    name: 'sse',
    open(wish, sink) {
      const abort = new AbortController();
      listen(fetcher, wish, sink, abort.signal)
        .catch(endOfError)
        .then((end) => sink.ended(end))
        .catch(() => undefined);
      return { close: () => abort.abort() };
    },
  };
}

async function listen(fetcher: typeof fetch, wish: Wish, sink: Sink, signal: AbortSignal): Promise<End> {
  const headers = requestHeaders(wish, { accept: 'text/event-stream', 'cache-control': 'no-cache' });
  if (wish.after !== null) headers['last-event-id'] = wish.after;
  const url = channelUrl(wish, '/events', { instance: wish.instance });
  const response = await fetcher(url, { headers, signal });
  if (response.status !== 200) return endOfResponse(response, 'the event stream');
  sink.alive();
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('text/event-stream') || response.body === null) {
    await response.body?.cancel();
    return { cause: 'unsupported', message: `the event stream was answered with "${type}"` };
  }
  return read(response.body.getReader(), sink);
}

async function read(
  reader: { read(): Promise<{ done: boolean; value?: unknown }> },
  sink: Sink,
): Promise<End> {
  const decoder = new TextDecoder();
  const parser = new SseParser();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    sink.alive();
    for (const event of parser.push(decoder.decode(piece.value as Uint8Array, { stream: true }))) {
      const frame = parsed(() => frameOfStream(event));
      // Read on when it was taken, so that a server that is faster than this process waits for it.
      if (frame !== null) await sink.frame(frame);
    }
  }
  const [, code = '', reason = ''] = /^(\d{4}) ?(.*)$/.exec(parser.comment) ?? [];
  return code === ''
    ? { cause: 'lost', message: 'the event stream ended' }
    : endOfClose(Number(code), reason);
}

/** @throws Gap */
export function parsed<Value>(parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw new Gap('MALFORMED', `a frame cannot be read: ${messageOf(error)}`);
  }
}
