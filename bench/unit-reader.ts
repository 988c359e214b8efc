const HEAD_END = '\r\n\r\n';
const LINE_END = '\r\n';
const NOTHING = Buffer.alloc(0);
const PING = 0x89;
/** Acknowledgements, pings and comments are shorter, what is delivered is longer. */
const SMALL_MAX = 125;

export type Protocol = 'WEBSOCKET' | 'SSE';

export interface UnitHandlers {
  /** The head of the HTTP answer, or of the upgrade. */
  head(status: number): void;
  small(isPing: boolean): void;
  /** One frame of a WebSocket, or one chunk of a chunked answer. */
  delivery(bytes: number): void;
}

interface Header {
  readonly length: number;
  readonly payload: number;
}

/** Follows one socket without keeping what comes: an HTTP head, then WebSocket frames or chunks, of which only the headers are looked at. */
export class UnitReader {
  readonly #protocol: Protocol;
  readonly #handlers: UnitHandlers;
  #cut = NOTHING;
  #isOpen = false;
  #length = 0;
  #missing = 0;

  constructor(protocol: Protocol, handlers: UnitHandlers) {
    this.#protocol = protocol;
    this.#handlers = handlers;
  }

  read(chunk: Buffer): void {
    const bytes = this.#cut.length === 0 ? chunk : Buffer.concat([this.#cut, chunk]);
    this.#cut = NOTHING;
    let at = 0;
    while (at < bytes.length) {
      if (this.#missing === 0) {
        const header = this.#header(bytes, at);
        if (header === null) {
          // A copy: the buffer is read into again.
          this.#cut = Buffer.from(bytes.subarray(at));
          return;
        }
        this.#begin(bytes, at, header);
        at += header.length;
      }
      const taken = Math.min(this.#missing, bytes.length - at);
      this.#missing -= taken;
      at += taken;
      if (this.#missing === 0 && this.#length > SMALL_MAX) this.#handlers.delivery(this.#length);
    }
  }

  #header(bytes: Buffer, at: number): Header | null {
    if (!this.#isOpen) return headOf(bytes, at);
    return this.#protocol === 'SSE' ? chunkHeader(bytes, at) : frameHeader(bytes, at);
  }

  #begin(bytes: Buffer, at: number, { payload }: Header): void {
    this.#length = payload;
    this.#missing = payload;
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#handlers.head(
        Number(bytes.toString('latin1', at + 'HTTP/1.1 '.length, at + 'HTTP/1.1 200'.length)),
      );
    } else if (payload <= SMALL_MAX) this.#handlers.small(bytes[at] === PING);
  }
}

function headOf(bytes: Buffer, at: number): Header | null {
  const end = bytes.indexOf(HEAD_END, at);
  return end === -1 ? null : { length: end + HEAD_END.length - at, payload: 0 };
}

function chunkHeader(bytes: Buffer, at: number): Header | null {
  const end = bytes.indexOf(LINE_END, at);
  if (end === -1) return null;
  const payload = Number.parseInt(bytes.toString('latin1', at, end), 16) + LINE_END.length;
  return { length: end + LINE_END.length - at, payload };
}

function frameHeader(bytes: Buffer, at: number): Header | null {
  const short = bytes[at + 1];
  if (short === undefined) return null;
  if (short <= 125) return { length: 2, payload: short };
  if (short === 127) throw new Error('a frame of more than 64 KiB');
  return bytes.length < at + 4 ? null : { length: 4, payload: bytes.readUInt16BE(at + 2) };
}
