import { applyPatch, parsePatch } from 'diff';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue, Message, Variable } from '../../src/domain/template.ts';
import { diffVersions } from '../../src/domain/version-diff.ts';

const MEBIBYTE = 1024 * 1024;

function text(
  number: number,
  template: string,
  rest: { config?: JsonValue; variables?: readonly Variable[] } = {},
) {
  return { number, kind: 'TEXT' as const, template, config: null, variables: [], ...rest };
}

function chat(number: number, ...messages: readonly Message[]) {
  return { number, kind: 'CHAT' as const, messages, config: null, variables: [] };
}

function declare(name: string, rest: Partial<Variable> = {}): Variable {
  return { name, type: 'STRING', required: true, ...rest };
}

/** Lines of one length that no other seed's text has, together as large as a version may be. */
function unrelatedLines(seed: string, length: number): string {
  const count = Math.floor(MEBIBYTE / length);
  return Array.from({ length: count }, (_, index) => `${`${seed}${index}`.padEnd(length - 1, '.')}\n`).join(
    '',
  );
}

describe('diffVersions', () => {
  it('writes a unified patch with the numbers of the versions', () => {
    const diff = diffVersions(text(3, 'one\ntwo\nthree\n'), text(5, 'one\nTWO\nthree\nfour\n'));
    expect(diff).toEqual({
      tooDifferent: false,
      unified: '--- version 3\n+++ version 5\n@@ -1,3 +1,4 @@\n one\n-two\n+TWO\n three\n+four\n',
      added: 2,
      removed: 1,
      variablesAdded: [],
      variablesRemoved: [],
      configChanged: false,
    });
  });

  it('says nothing about identical content', () => {
    const rest = { config: { model: 'm' }, variables: [declare('name')] };
    const diff = diffVersions(text(1, 'Hello {{name}}', rest), text(2, 'Hello {{name}}', rest));
    expect(diff).toMatchObject({ tooDifferent: false, unified: '', added: 0, removed: 0 });
    expect(diff).toMatchObject({ variablesAdded: [], variablesRemoved: [], configChanged: false });
  });

  it('refuses versions of different kinds', () => {
    expect(() => diffVersions(text(1, 'a'), chat(2, { role: 'USER', content: 'a' }))).toThrow(TypeError);
  });

  it('shows a line that only changed its ending', () => {
    const { unified, added, removed } = diffVersions(text(1, 'a\r\nb\n'), text(2, 'a\nb\n'));
    expect(unified).toContain('\n-a\r\n+a\n b\n');
    expect([added, removed]).toEqual([1, 1]);
  });

  it('marks a missing final newline and does not count the mark', () => {
    const { unified, added, removed } = diffVersions(text(1, 'a'), text(2, 'a\n'));
    expect(unified).toContain('\n-a\n\\ No newline at end of file\n+a\n');
    expect([added, removed]).toEqual([1, 1]);
  });

  it('keeps the line numbers of changes far from the start', () => {
    const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index + 1}\n`);
    const { unified } = diffVersions(text(1, lines.join('')), text(2, lines.with(499, 'new\n').join('')));
    expect(unified).toContain(
      '@@ -497,7 +497,7 @@\n line 497\n line 498\n line 499\n-line 500\n+new\n line 501\n',
    );
  });

  it('counts lines that look like the marks of a patch', () => {
    const { added, removed } = diffVersions(text(1, '--- a\n\\ b\n'), text(2, '+++ a\n'));
    expect([added, removed]).toEqual([1, 2]);
  });

  it('always gives a patch that leads from the one text to the other', () => {
    const line = fc.constantFrom('', 'a', 'b', '-a', '+a', '\\', 'a\r');
    const part = fc
      .array(line, { maxLength: 12 })
      .map((lines) => lines.map((entry) => `${entry}\n`).join(''));
    const texts = fc.tuple(part, part, part, part, fc.constantFrom('', 'a', 'b\r'));
    fc.assert(
      fc.property(texts, texts, fc.boolean(), ([start, before, after, end, tail], [, , , , other], cut) => {
        const from = start + before + end + tail;
        const to = start + after + end + (cut ? other : tail);
        const { unified, added, removed } = diffVersions(text(1, from), text(2, to));
        if (from === to) return unified === '';
        const [patch, ...more] = parsePatch(unified);
        if (patch === undefined || more.length > 0) return false;
        const marks = patch.hunks.flatMap(({ lines }) => lines.map((entry) => entry.charAt(0)));
        expect(applyPatch(from, patch, { autoConvertLineEndings: false })).toBe(to);
        expect(added).toBe(marks.filter((mark) => mark === '+').length);
        expect(removed).toBe(marks.filter((mark) => mark === '-').length);
        return added + removed > 0;
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the text of a CHAT version', () => {
  it('has a header line for each message', () => {
    const system = { role: 'SYSTEM', content: 'Be kind.' } as const;
    const diff = diffVersions(
      chat(1, system, { role: 'USER', content: 'Hi' }),
      chat(2, system, { role: 'USER', content: 'Hi', name: 'ann' }, { role: 'ASSISTANT', content: 'Yes?' }),
    );
    expect(diff.unified).toBe(
      '--- version 1\n+++ version 2\n@@ -1,4 +1,6 @@\n [1] SYSTEM\n Be kind.\n-[2] USER\n+[2] USER (ann)\n Hi\n' +
        '+[3] ASSISTANT\n+Yes?\n',
    );
  });

  it('is different for different messages, whatever they contain', () => {
    const pairs: [readonly Message[], readonly Message[]][] = [
      [
        [{ role: 'USER', content: 'a\n[2] USER\nb' }],
        [
          { role: 'USER', content: 'a' },
          { role: 'USER', content: 'b' },
        ],
      ],
      [[{ role: 'USER', content: '[1] USER\nb' }], [{ role: 'USER', content: '\\[1] USER\nb' }]],
      [[{ role: 'USER', content: 'a' }], [{ role: 'USER', content: 'a\n' }]],
      [[{ role: 'USER', content: 'x)\ny' }], [{ role: 'USER', content: 'y', name: 'a)\nx' }]],
      [[{ role: 'USER', content: '', name: '"a b"' }], [{ role: 'USER', content: '', name: 'a b' }]],
    ];
    for (const [before, after] of pairs) {
      expect(diffVersions(chat(1, ...before), chat(2, ...after)).unified).not.toBe('');
    }
  });
});

describe('config and variables', () => {
  it('are sections of their own, keys in canonical order', () => {
    const before = text(1, 'Hi', { config: { b: 1, a: [true] } });
    const after = text(2, 'Hi', {
      config: { '10': null, '9': {}, a: [true], b: 2 },
      variables: [declare('x')],
    });
    expect(diffVersions(before, after)).toEqual({
      tooDifferent: false,
      unified:
        '--- version 1 config\n+++ version 2 config\n@@ -1,6 +1,8 @@\n {\n+  "10": null,\n+  "9": {},\n   "a": [\n' +
        '     true\n   ],\n-  "b": 1\n+  "b": 2\n }\n' +
        '--- version 1 variables\n+++ version 2 variables\n@@ -0,0 +1,7 @@\n+[\n+  {\n+    "name": "x",\n' +
        '+    "required": true,\n+    "type": "STRING"\n+  }\n+]\n',
      added: 10,
      removed: 1,
      variablesAdded: ['x'],
      variablesRemoved: [],
      configChanged: true,
    });
  });

  it('follow the text in one patch', () => {
    const { unified } = diffVersions(text(1, 'a\n', { config: 1 }), text(2, 'b\n', { config: 2 }));
    expect(parsePatch(unified).map(({ oldFileName }) => oldFileName)).toEqual([
      'version 1',
      'version 1 config',
    ]);
  });

  it.each<[string, JsonValue, JsonValue, boolean]>([
    ['another order of keys', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }, false],
    ['another writing of a number', [1, 0], [1.0, -0], false],
    ['another order of items', [1, 2], [2, 1], true],
    ['null for an absent member', { a: null }, {}, true],
    ['null for another member', { a: null }, { b: null }, true],
    ['a number for a text', 1, '1', true],
    ['a list for an object', [], {}, true],
    ['an empty list for nothing', null, [], true],
    ['a member that every object inherits', { toString: null }, { b: null }, true],
  ])('take %s for what it is', (_title, before, after, changed) => {
    const diff = diffVersions(text(1, 'a', { config: before }), text(2, 'a', { config: after }));
    expect(diff.configChanged).toBe(changed);
    expect(diff.unified !== '').toBe(changed);
  });

  it('name the effective variables that came and went', () => {
    const before = text(1, '{{old}} {{both}}', { variables: [declare('declared'), declare('both')] });
    const after = text(2, '{{both}} {{new.path}} {{declared}}', { variables: [declare('unused')] });
    expect(diffVersions(before, after)).toMatchObject({
      variablesAdded: ['new', 'unused'],
      variablesRemoved: ['old'],
    });
  });

  it('show a change of a declaration that leaves the name', () => {
    const before = text(1, '{{x}}', { variables: [declare('x')] });
    const after = text(2, '{{x}}', { variables: [declare('x', { required: false })] });
    const { unified, variablesAdded } = diffVersions(before, after);
    expect(unified).toContain('-    "required": true,\n+    "required": false,\n');
    expect(variablesAdded).toEqual([]);
  });

  it('cost nothing while they are large and equal', () => {
    const config = Array.from({ length: 100_000 }, (_, index) => index);
    const variables = Array.from({ length: 500 }, (_, index) =>
      declare(`v${index}`, { description: 'd'.repeat(500) }),
    );
    const diff = diffVersions(
      text(1, 'a\n', { config, variables }),
      text(2, 'b\n', { config: [...config], variables }),
    );
    expect(diff).toMatchObject({ tooDifferent: false, added: 1, removed: 1, configChanged: false });
  });
});

describe('the budget', () => {
  const hazards: readonly [string, string, string][] = [
    ['lines of 20 bytes', unrelatedLines('a', 20), unrelatedLines('b', 20)],
    ['lines of 200 bytes', unrelatedLines('a', 200), unrelatedLines('b', 200)],
    ['200,000 lines', unrelatedLines('a', 5), unrelatedLines('b', 5)],
    ['200,000 lines and a single one', unrelatedLines('a', 5), 'b'.repeat(MEBIBYTE)],
    [
      'lines that differ at their ends only',
      `${'x'.repeat(99)}1\n`.repeat(10_000),
      `${'x'.repeat(99)}2\n`.repeat(10_000),
    ],
    ['nothing but newlines', '\n'.repeat(MEBIBYTE), 'b\n'.repeat(MEBIBYTE / 2)],
  ];

  const BUDGET_MS = 50;

  /** What the call itself takes at its fastest, not what else the machine does: tries until one is within the budget, 25 times at most. */
  function fastestMs(call: () => unknown): number {
    let fastest = Infinity;
    for (let tries = 0; tries < 25 && fastest >= BUDGET_MS; tries += 1) {
      const start = performance.now();
      call();
      fastest = Math.min(fastest, performance.now() - start);
    }
    return fastest;
  }

  it.each(hazards)('gives up on unrelated texts of %s within 50 ms', (_title, before, after) => {
    const diff = () =>
      diffVersions(text(1, before), text(2, after, { config: 1, variables: [declare('x')] }));
    expect(diff()).toEqual({
      tooDifferent: true,
      unified: '',
      added: 0,
      removed: 0,
      variablesAdded: ['x'],
      variablesRemoved: [],
      configChanged: true,
    });
    expect(fastestMs(diff)).toBeLessThan(BUDGET_MS);
  });

  it('shows one changed line among 200,000', () => {
    const before = unrelatedLines('a', 5);
    const after = before.replace('a100\n', 'b\n');
    expect(diffVersions(text(1, before), text(2, after))).toMatchObject({
      tooDifferent: false,
      added: 1,
      removed: 1,
    });
    expect(fastestMs(() => diffVersions(text(1, before), text(2, after)))).toBeLessThan(BUDGET_MS);
  });

  it('shows a single line of 1 MiB that became another', () => {
    const [before, after] = [text(1, 'a'.repeat(MEBIBYTE)), text(2, 'b'.repeat(MEBIBYTE))];
    expect(diffVersions(before, after)).toMatchObject({ tooDifferent: false, added: 1, removed: 1 });
    expect(fastestMs(() => diffVersions(before, after))).toBeLessThan(BUDGET_MS);
  });

  it('gives up on two large configs', () => {
    const config = Array.from({ length: 100_000 }, (_, index) => index);
    const diff = diffVersions(text(1, 'a', { config }), text(2, 'a', { config: [...config, 1] }));
    expect(diff).toMatchObject({ tooDifferent: true, unified: '', configChanged: true });
  });

  it('is what the caller says, for all sections together', () => {
    const [before, after] = [text(1, 'a\n', { config: 1 }), text(2, 'b\n', { config: 2 })];
    const timeoutMs = 10_000;
    expect(diffVersions(before, after, { editLengthMax: 4, timeoutMs }).tooDifferent).toBe(false);
    expect(diffVersions(before, after, { editLengthMax: 3, timeoutMs }).tooDifferent).toBe(true);
    expect(diffVersions(before, after, { editLengthMax: 1, timeoutMs }).tooDifferent).toBe(true);
  });
});
