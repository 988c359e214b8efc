/** One line of a file, without its `\n`. */
export interface ByteLine {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  /** null: longer than asked for, and not kept. */
  readonly bytes: Buffer | null;
}

const NEWLINE = 0x0a;

/** The lines of a stream of bytes; memory holds one line of at most `lengthMax` bytes and one chunk. */
export async function* byteLines(chunks: AsyncIterable<Buffer>, lengthMax: number): AsyncGenerator<ByteLine> {
  let parts: Buffer[] = [];
  let number = 1;
  let offset = 0;
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= lengthMax) parts.push(part);
    else parts = [];
  };
  const line = (): ByteLine => {
    return { number, offset, length, bytes: length > lengthMax ? null : Buffer.concat(parts) };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, end));
      yield line();
      offset += length + 1;
      number += 1;
      length = 0;
      parts = [];
      start = end + 1;
    }
    take(chunk.subarray(start));
  }
  if (length > 0) yield line();
}
