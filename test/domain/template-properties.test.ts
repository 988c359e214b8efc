import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue, TemplateSource, Variable } from '../../src/domain/template.ts';
import { variableFaults } from '../../src/domain/template-faults.ts';
import {
  effectiveVariables,
  lintTemplate,
  renderTemplate,
  VARIABLE_TYPES,
} from '../../src/domain/template.ts';

const templateVariables = (template: string) =>
  effectiveVariables({ kind: 'TEXT', template }, []).map(({ name }) => name);

type Values = { readonly [key: string]: JsonValue };

const text = (template: string): TemplateSource => ({ kind: 'TEXT', template });
const rendered = (template: string) => ({ ok: true, text: template, messages: null });
const lenient = { strict: false };

const pieces = [
  String.raw`{ {{ {{{ } }} \ \\ \{{ . 0 01 12 - a b _ é 😀 $& constructor __proto__ "a":1`.split(' '),
  String.raw`{{a}} {{a.b}} {{a.0}} {{b.a.12}} {{__proto__}} \\{{a}} \{{a}}`.split(' '),
  [' ', '\t', '\n', '{{ b\r\n}}', '\u00a0', '\ud800', 'x'.repeat(64)],
].flat();
const templates = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));
const texts = fc.oneof(templates, fc.string({ unit: 'binary' }));
const strings = fc.oneof(templates, fc.string());
const jsonValues = fc.jsonValue() as fc.Arbitrary<JsonValue>;
const names = fc.constantFrom('a', 'b', 'constructor', '__proto__', '_', 'unused');
const someValues: fc.Arbitrary<Values> = fc.dictionary(names, fc.oneof(strings, jsonValues));
const someVariables: fc.Arbitrary<Variable[]> = fc.uniqueArray(
  fc.record(
    { name: names, type: fc.constantFrom(...VARIABLE_TYPES), required: fc.boolean(), default: jsonValues },
    { requiredKeys: ['name', 'type', 'required'] },
  ),
  { selector: ({ name }) => name },
);

const ident = String.raw`[A-Za-z_][A-Za-z0-9_]{0,63}(?![A-Za-z0-9_])`;
const space = String.raw`[ \t\r\n]*`;
const token = new RegExp(
  String.raw`((?:\\\\)*)\\\{\{|((?:\\\\)+)(?=\{\{)|\{\{${space}(${ident}(?:\.(?:${ident}|[0-9]+))*)${space}\}\}|[^]`,
  'g',
);

/** The grammar once more, as one regular expression: too slow for hostile text, right for short text. */
function referenceRender(template: string, variable: (path: string, raw: string) => string): string {
  return template.replace(token, (raw: string, odd?: string, even?: string, path?: string) => {
    if (odd !== undefined) return `${'\\'.repeat(odd.length / 2)}{{`;
    if (even !== undefined) return '\\'.repeat(even.length / 2);
    return path === undefined ? raw : variable(path, raw);
  });
}

function textOf(template: string, values: Values): string | null {
  const outcome = renderTemplate(text(template), [], values, lenient);
  return outcome.ok ? outcome.text : null;
}

describe('any text', () => {
  it('renders to itself when it has no "{{"', () => {
    fc.assert(
      fc.property(texts, (template) => {
        const tame = template.replace(/\{+/g, '{');
        expect(renderTemplate(text(tame), [], {})).toEqual(rendered(tame));
      }),
    );
  });

  it('without values, strict: false, renders to itself but for halved backslashes', () => {
    fc.assert(
      fc.property(texts, (template) => {
        const halved = template.replace(/\\+(?=\{\{)/g, (run) => '\\'.repeat(Math.floor(run.length / 2)));
        expect(textOf(template, {})).toBe(halved);
      }),
    );
  });

  it('finds the variables that strict mode reports as missing', () => {
    fc.assert(
      fc.property(texts, (template) => {
        const found = templateVariables(template);
        const outcome = renderTemplate(text(template), [], {});
        expect(outcome.ok ? [] : outcome.missing).toEqual(found);
        expect(effectiveVariables(text(template), []).map(({ name }) => name)).toEqual(found);
      }),
    );
  });

  it('agrees with the grammar written as one regular expression', () => {
    fc.assert(
      fc.property(texts, strings, (template, value) => {
        const fill = (path: string, raw: string) => (path === 'a' ? value : raw);
        expect(textOf(template, { a: value })).toBe(referenceRender(template, fill));
      }),
      { numRuns: 1000 },
    );
  });

  it('takes values in whole: nothing in them is scanned', () => {
    fc.assert(
      fc.property(templates, strings, strings, (template, a, b) => {
        const marked = textOf(template, { a: '\u0001', b: '\u0002' }) ?? '';
        const replaced = marked.replaceAll('\u0001', () => `${a}\u0003`).replaceAll('\u0002', () => b);
        expect(textOf(template, { a: `${a}\u0003`, b })).toBe(replaced);
      }),
    );
  });

  it('never throws, whatever the declarations and values, and lenient agrees where strict renders', () => {
    const sources = fc.oneof(
      texts.map(text),
      fc.array(texts, { maxLength: 3 }).map((contents): TemplateSource => {
        return { kind: 'CHAT', messages: contents.map((content) => ({ role: 'USER', content })) };
      }),
    );
    fc.assert(
      fc.property(sources, someVariables, someValues, (source, declared, values) => {
        const strictly = renderTemplate(source, declared, values);
        const leniently = renderTemplate(source, declared, values, lenient);
        expect(leniently.ok).toBe(true);
        expect(strictly.ok ? strictly : leniently).toEqual(leniently);
        lintTemplate(source, declared);
        variableFaults(declared);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('hostile input', () => {
  const kib = 1024;
  const repeat = (part: string) => (size: number) => part.repeat(Math.floor(size / part.length));
  const hazards: Record<string, (size: number) => string> = {
    braces: repeat('{'),
    backslashes: repeat('\\'),
    escapes: repeat('\\{{'),
    'open names': repeat('{{a'),
    'open names with spaces': repeat('{{ a '),
    'open spaces': repeat('{{ '),
    'one open run of spaces': (size) => `{{${' '.repeat(size)}`,
    'a name and a run of spaces': (size) => `{{a${' '.repeat(size)}`,
    'long names': repeat(`{{${'a'.repeat(kib)}`),
    'one long index': (size) => `{{a.${'0'.repeat(size)}}}`,
    'one path of many steps': (size) => `{{a${'.a'.repeat(size / 2)}}}`,
    'open paths': repeat('{{a.b.0'),
    variables: repeat('{{a}}'),
    'variables behind backslashes': repeat('\\\\{{ a.b }}'),
  };
  const declared: Variable[] = [{ name: 'a', type: 'STRING', required: true }];

  /** Milliseconds of processor, not of the clock: the machine may be busy. */
  function cost(work: () => void): number {
    const start = process.cpuUsage();
    work();
    return process.cpuUsage(start).user / 1000;
  }

  const costOf = (template: string) =>
    cost(() => {
      renderTemplate(text(template), declared, {}, lenient);
      lintTemplate(text(template), declared);
    });

  it.each(Object.keys(hazards))('takes linear time for 1 MiB of: %s', { timeout: 60_000 }, (name) => {
    const hazard = hazards[name] ?? repeat('');
    const quarter = costOf(hazard(256 * kib));
    const whole = costOf(hazard(1024 * kib));
    // Quadratic is 16 times as much. A small cost says nothing: its ratio is that of compiler and collector.
    expect(whole).toBeLessThan(Math.max(500, 12 * quarter));
    expect(whole).toBeLessThan(4000);
  });

  it('checks a value against many options once, not at every placeholder', { timeout: 60_000 }, () => {
    const options = Array.from({ length: 20_000 }, (_, i) => `option ${i}`);
    const variable: Variable = { name: 'a', type: 'ENUM', required: true, options };
    const source = text('{{a}}'.repeat(200_000));
    const render = () => expect(renderTemplate(source, [variable], { a: 'option 19999' }).ok).toBe(true);
    expect(cost(render)).toBeLessThan(4000);
  });

  it('stops writing a large object out once the text is full', { timeout: 60_000 }, () => {
    const value = { list: Array.from({ length: 100_000 }, (_, i) => i) };
    const source = text('{{a}}'.repeat(200_000));
    const render = () => expect(renderTemplate(source, [], { a: value }, lenient).ok).toBe(false);
    expect(cost(render)).toBeLessThan(4000);
  });
});
