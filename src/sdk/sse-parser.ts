export interface ServerSentEvent {
  /** The id of this event; null: it has none. */
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** More of one event than any server of ours sends: what is on the other side is something else. */
const EVENT_LENGTH_MAX = 32 * 1024 * 1024;

/** Takes a `text/event-stream` apart, whatever pieces it comes in. */
export class SseParser {
  /** The text of the last comment: the server says there why it ends a stream. */
  comment = '';
  /** The line that is not finished, in the pieces that it came in: joined once, so that a line of many megabytes costs no more than its length. */
  #rest: string[] = [];
  /** The last piece ended with a CR, which may be the first half of a CR LF. */
  #isTorn = false;
  #id: string | null = null;
  #event = '';
  #data: string[] = [];
  /** Of the unfinished line, and of the data before it. */
  #length = 0;
  #dataLength = 0;

  /** The events that are complete with this piece. @throws Error when one has no end */
  push(piece: string): ServerSentEvent[] {
    const text = this.#isTorn ? `\r${piece}` : piece;
    this.#isTorn = text.endsWith('\r');
    const lines = (this.#isTorn ? text.slice(0, -1) : text).split(/\r\n|\n|\r/);
    const unfinished = lines.pop() ?? '';
    if (lines.length > 0) {
      lines[0] = [...this.#rest, lines[0]].join('');
      this.#rest = [];
      this.#length = 0;
    }
    this.#rest.push(unfinished);
    const events = lines.flatMap((line) => this.#take(line) ?? []);
    this.#length += unfinished.length;
    if (this.#length + this.#dataLength > EVENT_LENGTH_MAX)
      throw new Error(`an event is longer than ${EVENT_LENGTH_MAX} characters`);
    return events;
  }

  #take(line: string): ServerSentEvent | null {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === '') this.comment = value;
    if (name === 'id' && !value.includes('\0')) this.#id = value === '' ? null : value;
    if (name === 'event') this.#event = value;
    if (name === 'data') {
      this.#data.push(value);
      this.#dataLength += value.length;
    }
    return null;
  }

  #dispatch(): ServerSentEvent | null {
    const told = {
      id: this.#id,
      event: this.#event === '' ? 'message' : this.#event,
      data: this.#data.join('\n'),
    };
    const isEmpty = this.#data.length === 0;
    this.#id = null;
    this.#event = '';
    this.#data = [];
    this.#dataLength = 0;
    return isEmpty ? null : told;
  }
}
