import type { Frame } from './frame.ts';
import { parseCount, parseFields, parseList, parseServed, parseText } from './served-prompt.ts';
import type { ServerSentEvent } from './sse-parser.ts';

/** A frame of the event stream. Null: an event without data. @throws Malformed, or a SyntaxError for what is no JSON */
export function frameOfStream({ id, event, data }: ServerSentEvent): Frame | null {
  if (data === '') return null;
  if (!['snapshot', 'promoted', 'withdrawn', 'bookmark'].includes(event)) return unknownFrame(id, data);
  const fields = parseFields(JSON.parse(data), `the data of "${event}"`);
  const place = { cursor: id, more: fields['more'] === true };
  if (event === 'bookmark') return { type: 'bookmark', ...place, lagMs: parseCount(fields, 'lagMs') };
  if (event === 'withdrawn') return { type: 'withdrawn', ...place, slug: parseText(fields, 'slug') };
  if (event === 'promoted') {
    const served = parseServed(fields);
    // The event stream tells neither how it came about nor what was there before.
    return {
      type: 'promoted',
      ...place,
      slug: served.slug,
      served,
      previous: undefined,
      kind: null,
    };
  }
  return {
    type: 'snapshot',
    ...place,
    reason: parseText(fields, 'reason'),
    part: parseCount(fields, 'part'),
    complete: fields['complete'] === true,
    entries: parseList(fields, 'entries').map(parseServed),
  };
}

/** Of what this client does not know, only the place counts; without an id it is one of several of its commit. */
function unknownFrame(id: string | null, data: string): Frame {
  let more = id === null;
  try {
    more = parseFields(JSON.parse(data), 'an event')['more'] === true;
  } catch {
    // Its data is no object: then it is no part of a commit, as far as anybody can tell.
  }
  return { type: 'unknown', cursor: id, more };
}
