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
  #rest = '';
  #id: string | null = null;
  #event = '';
  #data: string[] = [];
  #length = 0;

  /** The events that are complete with this piece. @throws Error when one has no end */
  push(piece: string): ServerSentEvent[] {
    // A CR at the end may be the first half of a CR LF: it is a line end only when something else follows.
    const text = this.#rest + piece;
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    const events = lines.flatMap((line) => this.#take(line) ?? []);
    this.#length = this.#data.reduce((length, line) => length + line.length, this.#rest.length);
    if (this.#length > EVENT_LENGTH_MAX)
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
    if (name === 'data') this.#data.push(value);
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
    return isEmpty ? null : told;
  }
}
