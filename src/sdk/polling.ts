import type { Clock } from './clock.ts';
import { parsed } from './event-stream.ts';
import type { SnapshotFrame } from './frame.ts';
import { endOfResponse } from './http-end.ts';
import { channelUrl, requestHeaders } from './request.ts';
import { parseFields, parseList, parseServed, parseText } from './served-prompt.ts';
import { endOfError } from './transport.ts';
import type { End, Sink, Transport, Wish } from './transport.ts';

/** Between two polls; up to a fifth less at random, so that those that began together do not go on together. */
const INTERVAL_MS = 5_000;
const NOT_MODIFIED = 304;
const UNAVAILABLE = 503;
/** So often in a row no node answers from a place before it is taken for one of a history that is gone: minutes, with the pauses between. */
const REFUSALS_MAX = 6;

/** `GET /v1/channels/{name}` again and again: for networks that let nothing stay open. */
export function polling(fetcher: typeof fetch, clock: Clock): Transport {
  const refused: RefusedPlace = { cursor: null, times: 0 };
  return {
    name: 'polling',
    open(wish, sink) {
      const abort = new AbortController();
      let cancel = () => {};
      const poll = pollOf({ fetcher, wish, refused, sink, signal: abort.signal });
      const again = async (): Promise<void> => {
        const end = await poll().catch(endOfError);
        if (end !== null) return sink.ended(end);
        if (!abort.signal.aborted) cancel = clock.after(INTERVAL_MS * (1 - clock.random() / 5), run);
      };
      const run = (): void => void again().catch(() => undefined);
      run();
      return {
        close: () => {
          cancel();
          abort.abort();
        },
      };
    },
  };
}

/** A place that a node would not answer from: it may be of a history that is gone, which no node ever gets to. */
interface RefusedPlace {
  cursor: string | null;
  times: number;
}

interface Polled {
  readonly fetcher: typeof fetch;
  readonly wish: Wish;
  readonly refused: RefusedPlace;
  readonly sink: Sink;
  readonly signal: AbortSignal;
}

/** One poll after the other. Null: all is well. */
function pollOf({ fetcher, wish, refused, sink, signal }: Polled): () => Promise<End | null> {
  let etag: string | null = null;
  // Of several nodes behind one address, one may not have got as far as another that was asked before.
  let atLeast = wish.after === refused.cursor && refused.times >= REFUSALS_MAX ? null : wish.after;
  return async () => {
    const headers = requestHeaders(wish, { accept: 'application/json' });
    if (etag !== null) headers['if-none-match'] = etag;
    if (atLeast !== null) headers['x-promptforge-min-cursor'] = atLeast;
    const response = await fetcher(channelUrl(wish, ''), { headers, signal });
    sink.alive();
    // From the memory of a node without its database: that proves nothing to who knows something.
    if (etag !== null && response.headers.has('x-promptforge-stale')) {
      await response.body?.cancel();
      return null;
    }
    refused.times = response.status === UNAVAILABLE ? refused.times + 1 : 0;
    const cursor = response.headers.get('x-promptforge-cursor');
    if (response.status === NOT_MODIFIED) {
      atLeast = cursor ?? atLeast;
      sink.unchanged(cursor);
      return null;
    }
    if (response.status !== 200) {
      if (response.status === UNAVAILABLE) refused.cursor = atLeast;
      return endOfResponse(response, 'the poll');
    }
    const body = (await response.json()) as unknown;
    const frame = parsed(() => frameOfPoll(body, cursor));
    await sink.frame(frame);
    etag = response.headers.get('etag');
    atLeast = frame.cursor;
    return null;
  };
}

function frameOfPoll(body: unknown, header: string | null): SnapshotFrame {
  const fields = parseFields(body, 'the answer');
  return {
    type: 'snapshot',
    reason: 'POLL',
    part: 1,
    complete: true,
    more: false,
    cursor: header ?? parseText(fields, 'cursor'),
    entries: parseList(fields, 'entries').map(parseServed),
  };
}
