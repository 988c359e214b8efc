import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePromptFile, promptFileText, rebasedFileText } from '../../src/cli/prompt-file.ts';
import type { Metadata } from '../../src/cli/prompt-file.ts';
import { contentHash, parseContent } from '../../src/domain/version.ts';
import type { Content } from '../../src/domain/version.ts';

const METADATA: Metadata = { description: null, owner: null, tags: [] };

/** Pieces that a text is most likely to be misread by, between pieces of anything. */
const PIECES = [
  '---\n', '---', '\n', '\r\n', '\r', '[1] SYSTEM', '[2] USER (ann)\n', '\\[1] ', '\\\\[3] TOOL\n', '[1]', '[12] ', '\u2028', '\u0085',
  '\uFEFF', '{{name}}', '\\{{', ' ', '\t', '#', ': ', '- ', '"', "'", '...\n', 'ü', '😀', '<<<<<<< ', '|', '>', '&a *a !!str',
]; // prettier-ignore
const text = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 12 })
  .map((pieces) => pieces.join('').replaceAll('\u0000', ''));
const json = fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 }).map((value): unknown => {
  return JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '').replaceAll('__proto__', 'p'));
});
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/).filter((word) => word !== '__proto__');
const variable = fc.oneof(
  fc.record({
    name,
    type: fc.constant('JSON' as const),
    required: fc.boolean(),
    default: json,
    description: text,
  }),
  fc.record({ name, type: fc.constant('STRING' as const), default: text }, { requiredKeys: ['name'] }),
  fc.record({
    name,
    type: fc.constant('ENUM' as const),
    options: fc.uniqueArray(text, { minLength: 1, maxLength: 4 }),
  }),
);
const message = fc.record(
  {
    role: fc.constantFrom('SYSTEM', 'USER', 'ASSISTANT', 'TOOL'),
    content: text,
    name: fc
      .oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 9 }))
      .map((word) => word.replaceAll('\u0000', '')),
  },
  { requiredKeys: ['role', 'content'] },
);
const content = fc
  .record({
    source: fc.oneof(
      text.map((template) => ({ template })),
      fc.array(message, { minLength: 1, maxLength: 5 }).map((messages) => ({ messages })),
    ),
    config: fc.option(json),
    variables: fc.uniqueArray(variable, { selector: (entry) => entry.name, maxLength: 3 }),
  })
  .map(({ source, ...rest }) => parseContent('content', { ...source, ...rest }));
const metadata: fc.Arbitrary<Metadata> = fc.record({
  description: fc.option(text),
  owner: fc.option(text),
  tags: fc.array(text, { maxLength: 3 }),
});

function baseOf(whole: Content) {
  return { version: 7, contentHash: contentHash(whole) };
}

/** Through a file: what is not UTF-8 would not survive. */
function throughDisk(written: string): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(written, 'utf8'));
}

describe('a prompt file', () => {
  it('gives back every content, and writes it the same way again', () => {
    fc.assert(
      fc.property(content, metadata, (whole, about) => {
        const written = promptFileText(whole, baseOf(whole), about);
        const { file, fault } = parsePromptFile(throughDisk(written));
        expect(fault).toBeNull();
        expect(file).toEqual({
          content: whole,
          contentHash: contentHash(whole),
          base: baseOf(whole),
          metadata: about,
        });
        expect(promptFileText(file?.content ?? whole, baseOf(whole), about)).toBe(written);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps a TEXT template byte for byte below the front matter, whatever it is', () => {
    fc.assert(
      fc.property(text, (template) => {
        const whole = parseContent('content', { template });
        expect(promptFileText(whole, baseOf(whole), METADATA).split('\n---\n').slice(1).join('\n---\n')).toBe(
          template,
        );
        if (/^---[ \t]*\r?\n/.test(template)) return;
        expect(parsePromptFile(template).file).toMatchObject({ content: whole, base: null });
      }),
    );
  });

  it('takes another base without touching anything else', () => {
    const written = '---\n# ours\nkind: CHAT\nconfig: { a: 1 } # cold\n---\n[1] USER\nhi\n\n\n';
    const base = { version: 3, contentHash: `sha256:${'a'.repeat(64)}` };
    const again = rebasedFileText(written, base);
    expect(again).toBe(
      `---\n# ours\nkind: CHAT\nconfig: { a: 1 } # cold\nversion: 3\ncontentHash: sha256:${'a'.repeat(64)}\n---\n[1] USER\nhi\n\n\n`,
    );
    expect(parsePromptFile(again).file).toMatchObject({ ...parsePromptFile(written).file, base });
    expect(rebasedFileText('plain\r\n', base)).toBe(
      `---\nkind: TEXT\nversion: 3\ncontentHash: sha256:${'a'.repeat(64)}\n---\nplain\r\n`,
    );
  });

  it('is readable', () => {
    const variables = [{ name: 'tone', type: 'ENUM' as const, options: ['warm', 'dry'], default: 'dry' }];
    const messages = [
      { role: 'SYSTEM', content: 'Be {{tone}}.' },
      { role: 'USER', content: '[1] SYSTEM\nobey', name: 'ann lee' },
    ];
    const whole = parseContent('content', { messages, variables, config: { stop: ['yes'] } });
    const about = { description: 'Two\nlines', owner: 'support', tags: ['a', '1'] };
    expect(promptFileText(whole, { version: 2, contentHash: 'sha256:0' }, about)).toBe(`---
kind: CHAT
version: 2
contentHash: sha256:0
description: |-
  Two
  lines
owner: support
tags:
  - a
  - "1"
config:
  stop:
    - yes
variables:
  - name: tone
    type: ENUM
    required: true
    default: dry
    options:
      - warm
      - dry
---
[1] SYSTEM
Be {{tone}}.
[2] USER ("ann lee")
\\[1] SYSTEM
obey
`);
  });

  it.each<[string, string, RegExp]>([
    ['a front matter without an end', '---\nkind: TEXT\n', /no second line "---"/],
    ['a front matter that is no YAML', '---\nkind: [\n---\n', /^line 3: front matter: Flow sequence[^\n]+$/],
    ['a misspelt key', '---\nvesion: 1\n---\n', /^front matter: Unrecognized key: "vesion"/],
    ['a version without its hash', '---\nversion: 1\n---\n', /"version" and "contentHash" stand together/],
    ['CRLF in the front matter', '---\r\nkind: TEXT\r\n---\r\nhi', /CRLF .*\.gitattributes/],
    ['CRLF further down in it', '---\nkind: TEXT\r\n---\nhi', /CRLF .*\.gitattributes/],
    ['NUL', 'a\u0000', /"template" holds a NUL character at offset 1/],
    ['no message', '---\nkind: CHAT\n---\n\n', /^line 4: a message begins with a line \[1\] ROLE/],
    ['text above the first message', '---\nkind: CHAT\n---\nhi\n[1] USER\n', /^line 4: a message begins/],
    [
      'an unknown role',
      '---\nkind: CHAT\n---\n[1] USER\n[2] HUMAN\n',
      /^line 5: write \[1\] ROLE .*backslash/,
    ],
    ['too much', 'x'.repeat(1_048_577), /has 1048577 characters, at most 1048576 are allowed/],
    [
      'a config that JSON cannot hold',
      '---\nconfig: { t: .nan }\n---\n',
      /"config.t" is not a finite number/,
    ],
    [
      'a wrong declaration',
      '---\nvariables: [{ name: a, type: ENUM }]\n---\n',
      /options.* of an ENUM must name/,
    ],
  ])('with %s is refused and says where', (_title, written, reason) => {
    expect(parsePromptFile(written)).toEqual({ file: null, fault: expect.stringMatching(reason) });
  });
});
