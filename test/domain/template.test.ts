import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonValue, LintWarning, Message, TemplateSource, Variable } from '../../src/domain/template.ts';
import { variableFaults } from '../../src/domain/template-faults.ts';
import {
  effectiveVariables,
  isValueOfType,
  lintTemplate,
  renderTemplate,
  RENDERED_VALUES_MAX,
  STRAY_WARNINGS_MAX,
  VARIABLE_TYPES,
  VARIABLES_MAX,
} from '../../src/domain/template.ts';

const templateVariables = (template: string) =>
  effectiveVariables({ kind: 'TEXT', template }, []).map(({ name }) => name);

type Values = { readonly [key: string]: JsonValue };
type Refused = { missing: string[]; unknown: string[]; invalid: string[] };
type Case<T> = readonly (T & { readonly name: string; readonly declared: Variable[] })[];
type Vectors = {
  lenient: Case<{ template: string; values: Values; text: string; variables: string[] }>;
  strict: Case<{ template: string; values: Values; text?: string; refused?: Refused }>;
  chat: Case<{
    messages: Message[];
    values: Values;
    strict: boolean;
    variables: string[];
    rendered?: Message[];
    refused?: Refused;
  }>;
  effective: Case<{ source: TemplateSource; variables: Variable[] }>;
  lint: Case<{ source: TemplateSource; warnings: Partial<LintWarning>[] }>;
  faults: Case<{ faults: { index: number; field: string }[] }>;
};

/** The conformance file another implementation is held to; its `about` explains the sections. */
const vectors = JSON.parse(
  readFileSync(new URL('./template-vectors.json', import.meta.url), 'utf8'),
) as Vectors;

const text = (template: string): TemplateSource => ({ kind: 'TEXT', template });
const rendered = (template: string) => ({ ok: true, text: template, messages: null });
const refused = (lists: Partial<Refused>) => ({ ok: false, missing: [], unknown: [], invalid: [], ...lists });
const lenient = { strict: false };

/** What plain JavaScript can pass although the types forbid it. */
const untyped = (value: unknown) => value as JsonValue;

describe('the vectors, strict: false', () => {
  it.each(vectors.lenient)('$name', ({ template, declared, values, ...expected }) => {
    expect(renderTemplate(text(template), declared, values, lenient)).toEqual(rendered(expected.text));
    expect(templateVariables(template)).toEqual(expected.variables);
  });
});

describe('the vectors, strict', () => {
  it.each(vectors.strict)('$name', ({ template, declared, values, ...expected }) => {
    const outcome = expected.refused ? refused(expected.refused) : rendered(expected.text ?? 'no text given');
    expect(renderTemplate(text(template), declared, values)).toEqual(outcome);
    expect(renderTemplate(text(template), declared, values, { strict: true })).toEqual(outcome);
  });
});

describe('the vectors, CHAT', () => {
  it.each(vectors.chat)('$name', ({ messages, declared, values, strict, ...expected }) => {
    const source: TemplateSource = { kind: 'CHAT', messages };
    const outcome = expected.refused
      ? refused(expected.refused)
      : { ok: true, text: null, messages: expected.rendered };
    expect(renderTemplate(source, declared, values, { strict })).toEqual(outcome);
    expect(effectiveVariables(source, []).map(({ name }) => name)).toEqual(expected.variables);
  });
});

describe('the vectors of declarations', () => {
  it.each(vectors.effective)('variables of a version: $name', ({ source, declared, variables }) => {
    expect(effectiveVariables(source, declared)).toEqual(variables);
  });

  it.each(vectors.lint)('lint: $name', ({ source, declared, warnings }) => {
    const found = lintTemplate(source, declared);
    expect(found).toEqual(warnings.map((place) => ({ ...place, message: expect.stringMatching(/./) })));
  });

  it.each(vectors.faults)('faults: $name', ({ declared, faults }) => {
    const found = variableFaults(declared);
    expect(found.map(({ index, field }) => ({ index, field }))).toEqual(faults);
    expect(found.filter(({ field, message }) => !message.startsWith(`${field} `))).toEqual([]);
  });
});

describe('limits', () => {
  it('accepts 500 declarations and faults the 501st, once', () => {
    const many = Array.from({ length: VARIABLES_MAX + 2 }, (_, i): Variable => {
      return { name: i > VARIABLES_MAX ? '' : `v${i}`, type: 'STRING', required: true };
    });
    expect(variableFaults(many.slice(0, VARIABLES_MAX))).toEqual([]);
    expect(variableFaults(many)).toMatchObject([{ index: VARIABLES_MAX, field: 'name' }]);
  });

  it('names the first stray braces only, and every unused variable', () => {
    const declared: Variable[] = [{ name: 'a', type: 'STRING', required: true }];
    const warnings = lintTemplate(text('{{ '.repeat(STRAY_WARNINGS_MAX + 1)), declared);
    expect(warnings).toHaveLength(STRAY_WARNINGS_MAX + 1);
    expect(warnings.at(-1)).toMatchObject({ kind: 'UNUSED_VARIABLE', name: 'a' });
  });

  it('refuses the value that brings the inserted text above the limit, in both modes', () => {
    const value = 'x'.repeat(RENDERED_VALUES_MAX / 4);
    const full = renderTemplate(text('{{a}}{{a}}-{{a}}{{a}}'), [], { a: value });
    expect(full).toEqual(rendered(`${value}${value}-${value}${value}`));
    for (const strict of [true, false]) {
      const outcome = renderTemplate(
        text('{{a}}{{a}}{{a}}{{a}}{{b}}{{a}}'),
        [],
        { a: value, b: 'b' },
        { strict },
      );
      expect(outcome).toEqual(refused({ invalid: ['b'] }));
    }
  });

  it('refuses a value that JSON cannot hold, in both modes', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const deep = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`) as JsonValue;
    const declared: Variable[] = [{ name: 'a', type: 'JSON', required: true }];
    for (const value of [untyped(cycle), deep, NaN, Infinity, untyped(1n), untyped(() => 'x')]) {
      for (const strict of [true, false]) {
        const outcome = renderTemplate(text('{{a}}'), declared, { a: value }, { strict });
        expect(outcome).toEqual(refused({ invalid: ['a'] }));
      }
    }
  });

  it('takes undefined for absent', () => {
    const values = { a: untyped(undefined), b: untyped(undefined) };
    expect(renderTemplate(text('{{a}}'), [], values)).toEqual(refused({ missing: ['a'] }));
  });
});

describe('the types of values', () => {
  it('are told apart', () => {
    const samples: readonly JsonValue[] = ['s', 1, true, {}, [], '1', Infinity];
    const accepted = VARIABLE_TYPES.map((type) => {
      return [type, samples.filter((value) => isValueOfType(value, { type, options: ['1'] }))];
    });
    expect(Object.fromEntries(accepted)).toEqual({
      STRING: ['s', '1'],
      NUMBER: [1],
      BOOLEAN: [true],
      ENUM: ['1'],
      JSON: samples,
    });
  });
});

describe('the module', () => {
  it('imports nothing and touches nothing of Node, so that a browser can take it', () => {
    const source = readFileSync(new URL('../../src/domain/template.ts', import.meta.url), 'utf8');
    expect(source).not.toMatch(/^\s*import\b|\bfrom '|\brequire\(|\bprocess\.|\bBuffer\b/m);
  });
});
