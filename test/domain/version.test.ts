import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/domain/errors.ts';
import { contentHash, parseContent, requireVersionMessage } from '../../src/domain/version.ts';
import type { ContentInput, VariableInput } from '../../src/domain/version.ts';

const MEBIBYTE = 1024 * 1024;

function fault(input: ContentInput): string | null {
  try {
    parseContent('content', input);
    return null;
  } catch (error) {
    if (error instanceof InvalidInput) return error.field;
    throw error;
  }
}

const named = (count: number, prefix = 'v'): VariableInput[] =>
  Array.from({ length: count }, (_, index) => ({ name: `${prefix}${index}` }));
const holes = (count: number, prefix = 'v') =>
  Array.from({ length: count }, (_, index) => `{{${prefix}${index}}}`).join('');
const chat = (count: number, content = '') =>
  Array.from({ length: count }, () => ({ role: 'USER', content }));

describe('content', () => {
  it('is either a template or messages', () => {
    expect(fault({})).toBe('content');
    expect(fault({ template: null, messages: null })).toBe('content');
    expect(fault({ template: 'x', messages: chat(1) })).toBe('content');
    expect(fault({ template: '', messages: [] })).toBe('content');
    expect(parseContent('content', { template: '' })).toEqual({
      kind: 'TEXT',
      template: '',
      config: null,
      variables: [],
    });
    const messages = [
      { role: 'TOOL', content: ' \r\n', name: 'search' },
      { role: 'USER', content: '', name: null },
    ];
    expect(parseContent('content', { messages })).toEqual({
      kind: 'CHAT',
      messages: [
        { role: 'TOOL', content: ' \r\n', name: 'search' },
        { role: 'USER', content: '' },
      ],
      config: null,
      variables: [],
    });
  });

  it('has 1 to 500 messages of known roles, names up to 64 characters', () => {
    expect(fault({ messages: [] })).toBe('content.messages');
    expect(fault({ messages: chat(500) })).toBeNull();
    expect(fault({ messages: chat(501) })).toBe('content.messages');
    expect(fault({ messages: [{ role: 'user', content: '' }] })).toBe('content.messages[0].role');
    expect(fault({ messages: [{ role: 'USER', content: '', name: 'n'.repeat(64) }] })).toBeNull();
    expect(fault({ messages: [{ role: 'USER', content: '', name: 'n'.repeat(65) }] })).toBe(
      'content.messages[0].name',
    );
  });

  it('has at most 1 MiB, counted in bytes over texts, config and variables', () => {
    expect(fault({ template: 'x'.repeat(MEBIBYTE) })).toBeNull();
    expect(fault({ template: 'x'.repeat(MEBIBYTE + 1) })).not.toBeNull();
    expect(fault({ template: 'é'.repeat(MEBIBYTE / 2) })).toBeNull();
    expect(fault({ template: `${'é'.repeat(MEBIBYTE / 2)}x` })).toBe('content');
    expect(fault({ messages: chat(2, 'x'.repeat(MEBIBYTE / 2)) })).toBeNull();
    expect(fault({ messages: [...chat(2, 'x'.repeat(MEBIBYTE / 2)), { role: 'USER', content: 'x' }] })).toBe(
      'content',
    );
    const rest = MEBIBYTE - '["a"]'.length;
    expect(fault({ template: 'x'.repeat(rest), config: ['a'] })).toBeNull();
    expect(fault({ template: 'x'.repeat(rest + 1), config: ['a'] })).toBe('content');
    expect(fault({ template: 'x'.repeat(MEBIBYTE - 20), variables: [{ name: 'v' }] })).toBe('content');
  });

  it('has at most 500 variables: declared, in the text, and both together', () => {
    expect(fault({ template: '', variables: named(500) })).toBeNull();
    expect(fault({ template: '', variables: named(501) })).toBe('content.variables');
    expect(fault({ template: holes(500) })).toBeNull();
    expect(fault({ template: holes(501) })).toBe('content');
    expect(fault({ messages: [...chat(1, holes(300)), ...chat(1, holes(200, 'w'))] })).toBeNull();
    expect(fault({ messages: [...chat(1, holes(300)), ...chat(1, holes(201, 'w'))] })).toBe('content');
    expect(fault({ template: holes(500), variables: named(500) })).toBeNull();
    expect(fault({ template: holes(250), variables: named(250, 'd') })).toBeNull();
    expect(fault({ template: holes(251), variables: named(250, 'd') })).toBe('content');
  });

  it('has a config of any JSON, at most 64 levels deep', () => {
    const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;
    for (const config of [null, undefined, 0, false, '', [], {}, nested(64)])
      expect(fault({ template: '', config })).toBeNull();
    expect(fault({ template: '', config: nested(66) })).toMatch(/^content\.config\[/);
    expect(fault({ template: '', config: Number.NaN })).toBe('content.config');
  });

  it.each<[string, VariableInput | VariableInput[]]>([
    ['variables[0].default', { name: 'v', default: 1 }],
    ['variables[0].default', { name: 'v', type: 'NUMBER', default: '1' }],
    ['variables[0].default', { name: 'v', type: 'BOOLEAN', default: 0 }],
    ['variables[0].default', { name: 'v', type: 'ENUM', options: ['a'], default: 'b' }],
    ['variables[0].options', { name: 'v', type: 'ENUM' }],
    ['variables[0].options', { name: 'v', type: 'ENUM', options: [] }],
    ['variables[0].options', { name: 'v', type: 'ENUM', options: ['a', 'a'] }],
    ['variables[0].options', { name: 'v', options: ['a'] }],
    ['variables[0].name', { name: '' }],
    ['variables[0].name', { name: '1a' }],
    ['variables[0].name', { name: 'ä' }],
    ['variables[0].name', { name: 'a.b' }],
    ['variables[0].name', { name: 'n'.repeat(65) }],
    ['variables[1].name', [{ name: 'v' }, { name: 'v' }]],
    ['variables[0].description', { name: 'v', description: 'x'.repeat(2001) }],
  ])('is refused at %s for %j', (field, input) => {
    expect(fault({ template: '', variables: [input].flat() })).toBe(`content.${field}`);
  });

  it('keeps declarations as they are meant: type STRING and required by default, null as absent', () => {
    const variables: VariableInput[] = [
      { name: 'a' },
      { name: 'b', type: null, required: null, default: null, description: null, options: null },
      { name: 'c', type: 'ENUM', required: false, default: 'x', description: 'd', options: ['x', ''] },
      { name: '__proto__', type: 'JSON', default: { k: [false] } },
    ];
    expect(parseContent('content', { template: '', variables }).variables).toEqual([
      { name: 'a', type: 'STRING', required: true },
      { name: 'b', type: 'STRING', required: true },
      { name: 'c', type: 'ENUM', required: false, default: 'x', description: 'd', options: ['x', ''] },
      { name: '__proto__', type: 'JSON', required: true, default: { k: [false] } },
    ]);
  });
});

describe('the hash of content', () => {
  const hashOf = (input: ContentInput) => contentHash(parseContent('content', input));
  const utf16 = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
  const configs = fc
    .jsonValue({ stringUnit: utf16 })
    .filter((value) => fault({ template: '', config: value }) === null);

  it('is what it was the day it was published', () => {
    const input = {
      template: 'Hi {{name}} é\r\n',
      config: { temperature: 0.3, model: 'm' },
      variables: [{ name: 'name' }],
    };
    const canonical =
      '{"config":{"model":"m","temperature":0.3},"kind":"TEXT","template":"Hi {{name}} é\\r\\n","variables":[{"name":"name","required":true,"type":"STRING"}]}';
    expect(hashOf(input)).toBe(`sha256:${createHash('sha256').update(canonical).digest('hex')}`);
    expect(hashOf({ template: '' })).toBe(
      'sha256:148b86cf7db30bc317e67bbd7c86d904383088f5525fecdb1cd3cb1de2ecc43b',
    );
    expect(hashOf({ messages: chat(1) })).toBe(
      'sha256:1d8f731fa5efa94a2e2d5974eaa9113bd3dea874945418025a431918975d1ef1',
    );
  });

  it('does not depend on the order of keys, at any depth', () => {
    const turn = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turn);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, item]) => [key, turn(item)]),
      );
    };
    fc.assert(
      fc.property(configs, (config) => {
        expect(hashOf({ template: 't', config: turn(config) })).toBe(hashOf({ config, template: 't' }));
      }),
    );
  });

  it('survives storage: what JSON brings back hashes the same', () => {
    fc.assert(
      fc.property(configs, fc.string({ unit: utf16 }), (config, text) => {
        const template = Buffer.from(text.replaceAll('\u0000', '')).toString();
        const content = parseContent('content', { template, config });
        const stored = JSON.parse(JSON.stringify(content)) as typeof content;
        expect(contentHash(stored)).toBe(contentHash(content));
      }),
    );
  });

  it('does not depend on the order in which used variables are declared', () => {
    const unused: VariableInput = { name: 'unused', type: 'NUMBER' };
    const last: VariableInput = { name: 'last' };
    const first: VariableInput = { name: 'first', type: 'ENUM', options: ['b', 'a'] };
    const spare: VariableInput = { name: 'spare' };
    const variables = [unused, last, first, spare];
    const text = '{{found}} {{first}} {{last}} {{first}}';
    const parsed = parseContent('content', { template: text, variables });
    expect(parsed.variables.map(({ name }) => name)).toEqual(['first', 'last', 'unused', 'spare']);
    for (const other of [
      [first, last, unused, spare],
      [unused, spare, last, first],
    ]) {
      expect(hashOf({ template: text, variables: other })).toBe(contentHash(parsed));
    }
    const messages = text.split(' ').map((content) => ({ role: 'USER', content }));
    expect(parseContent('content', { messages, variables }).variables).toEqual(parsed.variables);
  });

  it('tells apart whatever differs', () => {
    const base = { template: 'x', config: { a: [1, 2] }, variables: [{ name: 'v' }, { name: 'w' }] };
    const inputs: ContentInput[] = [
      base,
      { ...base, template: 'x\n' },
      { ...base, template: 'x\r\n' },
      { ...base, template: 'é' },
      { ...base, template: 'e\u0301' },
      { ...base, config: { a: [2, 1] } },
      { ...base, config: { a: [1, '2'] } },
      { ...base, config: null },
      { ...base, config: {} },
      { ...base, variables: base.variables.toReversed() },
      { ...base, variables: [{ name: 'v', required: false }, { name: 'w' }] },
      { messages: chat(1, 'x'), config: base.config, variables: base.variables },
      { messages: chat(2, 'x'), config: base.config, variables: base.variables },
    ];
    expect(new Set(inputs.map(hashOf)).size).toBe(inputs.length);
  });
});

describe('the message of a version', () => {
  it('has at most 2,000 characters; absent is null', () => {
    expect(requireVersionMessage('message', 'x'.repeat(2000))).toHaveLength(2000);
    expect(() => requireVersionMessage('message', 'x'.repeat(2001))).toThrow(InvalidInput);
    expect(requireVersionMessage('message', undefined)).toBeNull();
  });
});
