import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseParser } from '../../src/sdk/sse-parser.ts';

const parse = (...pieces: readonly string[]) => {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
};
const EVENT = { id: 'c1', event: 'promoted', data: '{"a":1}' };

describe('the parser of event streams', () => {
  it.each([
    ['LF', 'id: c1\nevent: promoted\ndata: {"a":1}\n\n'],
    ['CR LF', 'id: c1\r\nevent: promoted\r\ndata: {"a":1}\r\n\r\n'],
    ['CR', 'id: c1\revent: promoted\rdata: {"a":1}\r\r:\r'],
    ['no space after the colon', 'id:c1\nevent:promoted\ndata:{"a":1}\n\n'],
    [
      'comments, retry and fields of others between',
      ': hi\nretry: 5\nid: c1\nevent: promoted\nx\ny: z\ndata: {"a":1}\n\n',
    ],
  ])('reads lines that end with, or hold %s, in whatever pieces', (_, text) => {
    expect(parse(text)).toEqual([EVENT]);
    expect(parse(...text.split(''))).toEqual([EVENT]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: text.length }), (at) => {
        expect(parse(text.slice(0, at), text.slice(at))).toEqual([EVENT]);
      }),
    );
  });

  it('puts several lines of data together, and forgets the id with its event', () => {
    const text = 'id: c1\ndata: a\ndata\ndata:  b\n\nevent: bookmark\ndata: c\n\n';
    expect(parse(text)).toEqual([
      { id: 'c1', event: 'message', data: 'a\n\n b' },
      { id: null, event: 'bookmark', data: 'c' },
    ]);
  });

  it('tells nothing of what has no data or no end, and keeps the last comment', () => {
    const parser = new SseParser();
    expect(parser.push('event: promoted\n\nid: c2\n\ndata: unfinished\n')).toEqual([]);
    parser.push(': one\n:4290 slow consumer: resume\n');
    expect(parser.comment).toBe('4290 slow consumer: resume');
  });

  it('takes no event without end', () => {
    const parser = new SseParser();
    const piece = 'x'.repeat(8 * 1024 * 1024);
    parser.push(`data: ${piece}`);
    expect(() => {
      for (let more = 0; more < 4; more += 1) parser.push(piece);
    }).toThrow(/longer than/);
  });
});
