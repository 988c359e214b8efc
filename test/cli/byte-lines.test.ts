import { describe, expect, it } from 'vitest';
import { byteLines } from '../../src/cli/byte-lines.ts';

async function linesOf(text: string, chunkSize: number, lengthMax = 1_000) {
  const bytes = Buffer.from(text);
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let start = 0; start < bytes.length; start += chunkSize)
      yield bytes.subarray(start, start + chunkSize);
  }
  const lines = [];
  for await (const line of byteLines(chunks(), lengthMax)) {
    lines.push({ ...line, bytes: line.bytes?.toString() ?? null });
  }
  return lines;
}

describe('byteLines', () => {
  it.each([1, 2, 3, 1_000])('finds the same lines in chunks of %i bytes', async (chunkSize) => {
    expect(await linesOf('ab\r\n\nü\ncd', chunkSize)).toEqual([
      { number: 1, offset: 0, length: 3, bytes: 'ab\r' },
      { number: 2, offset: 4, length: 0, bytes: '' },
      { number: 3, offset: 5, length: 2, bytes: 'ü' },
      { number: 4, offset: 8, length: 2, bytes: 'cd' },
    ]);
  });

  it('has no line after the last newline, and none in nothing', async () => {
    expect(await linesOf('a\n', 10)).toHaveLength(1);
    expect(await linesOf('', 10)).toEqual([]);
  });

  it.each([1, 4, 1_000])(
    'lets go of a line that is too long, in chunks of %i bytes, and goes on',
    async (chunkSize) => {
      expect(await linesOf(`abc\n${'x'.repeat(50)}\nabc`, chunkSize, 3)).toEqual([
        { number: 1, offset: 0, length: 3, bytes: 'abc' },
        { number: 2, offset: 4, length: 50, bytes: null },
        { number: 3, offset: 55, length: 3, bytes: 'abc' },
      ]);
    },
  );
});
