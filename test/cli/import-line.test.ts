import { describe, expect, it } from 'vitest';
import { parseImportLine } from '../../src/cli/import-line.ts';

const GOOD = {
  slug: 'support/assistant',
  committedAt: '2026-01-31T12:00:00Z',
  message: 'why',
  template: 'Hi {{name}}',
};

const NOW = new Date('2026-02-01T00:00:00Z');

function parse(line: unknown) {
  return parseImportLine(Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)), NOW);
}

function versionOf(line: unknown) {
  const parsed = parse(line);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.version;
}

describe('parseImportLine', () => {
  it('takes a TEXT version', () => {
    expect(versionOf(GOOD)).toEqual({
      slug: 'support/assistant',
      committedAt: '2026-01-31T12:00:00.000Z',
      message: 'why',
      content: { template: 'Hi {{name}}' },
    });
  });

  it('takes a CHAT version with config and variables, and leaves out what the server does not know', () => {
    const messages = [
      { role: 'SYSTEM', content: 'Be kind.', name: null, at: 1 },
      { role: 'USER', content: '', name: 'ann' },
    ];
    const { template: _template, ...rest } = GOOD;
    const line = { ...rest, messages, config: { model: 'm' }, variables: [{ name: 'x' }], author: 'ann' };
    expect(versionOf(line).content).toEqual({
      messages: [
        { role: 'SYSTEM', content: 'Be kind.' },
        { role: 'USER', content: '', name: 'ann' },
      ],
      config: { model: 'm' },
      variables: [{ name: 'x' }],
    });
  });

  it.each([null, undefined])('takes a version with the message %s', (message) => {
    expect(versionOf({ ...GOOD, message }).message).toBeNull();
    expect(versionOf({ ...GOOD, message: '' }).message).toBe('');
  });

  it('takes a variable as REST and the graph answer it', () => {
    const declared = {
      name: 'name',
      type: 'STRING',
      required: true,
      default: null,
      options: null,
      declared: true,
    };
    const { declared: _declared, ...variable } = declared;
    expect(versionOf({ ...GOOD, variables: [declared] }).content.variables).toEqual([variable]);
  });

  it('keeps a template byte for byte', () => {
    const template = '\uFEFF a\r\n\tb\u0001 ü \u{1F600} \\{{x}} ';
    expect(versionOf({ ...GOOD, template }).content).toEqual({ template });
    expect(versionOf({ ...GOOD, template: '' }).content).toEqual({ template: '' });
  });

  it('tolerates a byte order mark and the end of a CRLF line', () => {
    expect(versionOf(`\uFEFF${JSON.stringify(GOOD)}\r`).slug).toBe('support/assistant');
  });

  it.each([
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31T12:00:00.5-00:30', '2026-01-31T12:30:00.500Z'],
    ['2024-02-29t23:59:59.123456z', '2024-02-29T23:59:59.123Z'],
    ['1999-12-31T23:00:00-02:00', '2000-01-01T01:00:00.000Z'],
  ])('takes the date %s', (committedAt, utc) => {
    expect(versionOf({ ...GOOD, committedAt }).committedAt).toBe(utc);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no slug', { slug: undefined }, '"slug" is missing'],
    ['a slug of another type', { slug: 7 }, '"slug" is 7'],
    ['an empty slug', { slug: '' }, '"slug" is ""'],
    ['a slug with capitals', { slug: 'Support' }, 'a slug is segments of a-z'],
    ['a slug with an empty segment', { slug: 'a//b' }, 'a slug is'],
    ['a slug that leads up', { slug: 'a/../b' }, 'a slug is'],
    ['a long slug', { slug: 'a'.repeat(201) }, 'a slug is'],
    ['no date', { committedAt: undefined }, '"committedAt" is missing: write a date'],
    ['a date in words', { committedAt: 'yesterday' }, '"committedAt" is "yesterday": write a date'],
    ['a date without a zone', { committedAt: '2026-01-31T12:00:00' }, 'such as "2026-01-31T12:00:00Z"'],
    ['a date without a time', { committedAt: '2026-01-31' }, 'write a date'],
    ['a number of seconds', { committedAt: 1769860800 }, 'write a date'],
    ['a day that is not', { committedAt: '2026-02-29T12:00:00Z' }, 'write a date'],
    ['a date beyond the years', { committedAt: '9999-12-31T23:59:59-01:00' }, 'write a date'],
    [
      'a date of the year 0',
      { committedAt: '0000-12-31T12:00:00Z' },
      '"committedAt" is no date of the years 1',
    ],
    ['a date in the future', { committedAt: '2026-02-01T00:05:00.001Z' }, '"committedAt" is in the future'],
    ['a message of another type', { message: ['a'] }, '"message" is ["a"]'],
    ['no content', { template: undefined }, 'neither "template" nor "messages"'],
    ['two contents', { messages: [{ role: 'USER', content: 'a' }] }, 'both "template" and "messages"'],
    ['a template of another type', { template: {} }, '"template" is {}'],
    ['no messages', { template: null, messages: [] }, '"messages" is []: write a list'],
    ['messages of another type', { template: null, messages: 'a' }, '"messages" is "a"'],
    [
      'a role in small letters',
      { template: null, messages: [{ role: 'user', content: 'a' }] },
      '"messages[0].role" is "user": write one of SYSTEM, USER',
    ],
    [
      'a message without content',
      { template: null, messages: [{ role: 'USER', content: 'a' }, { role: 'USER' }] },
      '"messages[1].content" is missing',
    ],
    [
      'a name of another type',
      { template: null, messages: [{ role: 'USER', content: 'a', name: 1 }] },
      '"messages[0].name" is 1',
    ],
    ['no message at all', { template: null, messages: [null] }, '"messages[0].role" is missing'],
    ['variables of another type', { variables: {} }, '"variables" is {}'],
    ['a variable without a name', { variables: [{ name: 'a' }, {}] }, '"variables.1.name": '],
    ['a variable of an unknown type', { variables: [{ name: 'a', type: 'TEXT' }] }, '"variables.0.type": '],
    ['an ENUM of nothing', { variables: [{ name: 'a', type: 'ENUM' }] }, '"variables[0].options" '],
    ['a NUL', { template: 'a\u0000' }, '"template" holds a NUL character at offset 1'],
    [
      'half a character',
      { template: null, messages: [{ role: 'USER', content: '\ud83d' }] },
      '"messages[0].content" holds a lone surrogate',
    ],
    ['a NUL in the message', { message: '\u0000' }, '"message" holds a NUL'],
    ['a long message', { message: 'x'.repeat(2_001) }, '"message" has 2001 characters'],
    [
      'more than 1 MiB',
      { template: 'ü'.repeat(600_000) },
      'has 1200000 bytes, a version holds at most 1048576',
    ],
    [
      'more than 500 variables',
      { template: Array.from({ length: 501 }, (_, index) => `{{v${index}}}`).join('') },
      'has 501 variables',
    ],
    ['a NUL in the config', { config: { a: ['\u0000'] } }, '"config.a[0]" holds a NUL'],
    [
      'every fault at once',
      { slug: 7, template: undefined, message: 1 },
      'is 1: write a text, or leave it out; has neither',
    ],
  ])('refuses %s', (_title, change, reason) => {
    expect(parse({ ...GOOD, ...change })).toMatchObject({
      ok: false,
      reason: expect.stringContaining(reason),
    });
  });

  it.each<[string, string | Buffer, string, string | null]>([
    ['half an object', JSON.stringify(GOOD).slice(0, -1), 'is not JSON', 'support/assistant'],
    ['two objects', `${JSON.stringify(GOOD)}${JSON.stringify(GOOD)}`, 'is not JSON', 'support/assistant'],
    ['a list', '[1]', 'is JSON, but no object', null],
    ['null', 'null', 'is JSON, but no object', null],
    ['nonsense', 'slug', 'is not JSON', null],
    [
      'Latin-1',
      Buffer.from(JSON.stringify({ ...GOOD, template: 'Grüße' }), 'latin1'),
      'is not UTF-8',
      'support/assistant',
    ],
    ['UTF-16', Buffer.from(`\uFEFF${JSON.stringify(GOOD)}`, 'utf16le'), 'is not UTF-8', null],
  ])('refuses %s, and tells whose version it was when it can', (_title, line, reason, slug) => {
    expect(parseImportLine(Buffer.from(line))).toEqual({
      ok: false,
      reason: expect.stringContaining(reason),
      slug,
    });
  });

  it('does not repeat a long value', () => {
    const parsed = parse({ ...GOOD, slug: 'A'.repeat(100_000) });
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? Infinity : parsed.reason.length).toBeLessThan(300);
  });
});
