import { buildSchema, execute, getIntrospectionQuery, GraphQLError, specifiedRules, validate } from 'graphql';
import type { DocumentNode } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  MAX_VALIDATION_ERRORS,
  parseWithLimits,
  QUERY_LIMITS,
  queryLimitErrors,
} from '../../src/server/query-limits.ts';
import { cpuMs } from '../support/cpu.ts';

const schema = buildSchema(`
  scalar JSON
  interface Named { id: ID }
  type Query implements Named { self: Query  json(value: JSON, list: [JSON]): Query  named: Named  id: ID  name: String }
  directive @tag(n: Int) repeatable on FIELD | QUERY | FRAGMENT_DEFINITION | FRAGMENT_SPREAD | INLINE_FRAGMENT | VARIABLE_DEFINITION
`);

const times = (count: number, piece: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => piece(index)).join(' ');
const wrap = (levels: number, open: string, core: string) =>
  `${open.repeat(levels)} ${core} ${'}'.repeat(levels * (open.split('{').length - 1))}`;
const nested = (levels: number, field: string, core: string) => wrap(levels, `${field} { `, core);
const selfF0 = '{ self { ...F0 } }';
const inSelf = (selections: string) => `{ self { ${selections} } }`;
const inValue = (literal: string) => `{ json(value: ${literal}) { id } }`;
const on = (name: string, selections: string) => `fragment ${name} on Query { ${selections} }`;
/** Fragments F0, F1, ... each of which spreads the next one. */
const chain = (length: number, piece: (next: string) => string) =>
  times(length, (index) => on(`F${index}`, piece(index + 1 < length ? `...F${index + 1}` : '')));
const bomb = (length: number, own: string, spreads = 2) =>
  chain(length, (next) => `${own} ${`${next} `.repeat(spreads)}`);
const aliases = (count: number, prefix = 'a') => times(count, (index) => `${prefix}${index}: id`);
const tags = (count: number) => '@tag '.repeat(count);
/** A document of exactly `count` tokens, twelve of them around a list literal. */
const listOfTokens = (count: number) => inValue(`[${'1 '.repeat(count - 12)}]`);

interface Answer {
  readonly errors: readonly GraphQLError[];
  readonly resolved: number;
}

/** The order of the server: parse, limits, graphql's own rules, execute. */
function answer(source: string): Answer {
  let resolved = 0;
  let document: DocumentNode;
  try {
    document = parseWithLimits(source);
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error], resolved };
    throw error;
  }
  const maxErrors = MAX_VALIDATION_ERRORS;
  let errors = queryLimitErrors(document);
  if (errors.length === 0) errors = validate(schema, document, specifiedRules, { maxErrors });
  if (errors.length > 0) return { errors, resolved };
  const result = execute({
    schema,
    document,
    rootValue: {},
    fieldResolver: (_source, _args, _context, info) => {
      resolved += 1;
      return info.fieldName === 'id' || info.fieldName === 'name' ? 'x' : null;
    },
  });
  if (result instanceof Promise) throw new TypeError('nothing here is asynchronous');
  return { errors: result.errors ?? [], resolved };
}

function refusal(error: GraphQLError | undefined): readonly unknown[] {
  const { code, limit, max, found } = error?.extensions ?? {};
  return [code, limit, max, found];
}

const CPU_MS_MAX = 10;

/** Strings that hold quotes, escapes and number signs, none of which begins a comment. */
const QUOTES = String.raw`["\"#\\" "" """ # \""" # """ """"" # """ "#" "\\"]`;

type Refused = readonly [title: string, found: number, source: string];

// The others need variables: row-budget.test.ts has `rows`, the hostile documents `variablesDepth`.
type Limit = Exclude<keyof typeof QUERY_LIMITS, 'rows' | 'variablesDepth'>;
const EXCESS: Readonly<Record<Limit, readonly Refused[]>> = {
  length: [
    ['three million spaces', 3_000_004, `${' '.repeat(3_000_000)}{id}`],
    ['a string of 2 MiB', 2_097_178, inValue(`"${'x'.repeat(2_097_152)}"`)],
  ],
  comments: [
    ['1,501 comments', 1_501, `${'#\n'.repeat(1_501)}{id}`],
    ['a million comments', 1_501, `${'#\r'.repeat(1_000_000)}{id}`],
    ['comments behind strings', 1_501, `${inValue(QUOTES)} ${'#\n'.repeat(1_501)}`],
  ],
  tokens: [
    ['1,501 tokens', 1_501, listOfTokens(1_501)],
    ['21,000 tokens', 1_501, `{ ${'id '.repeat(21_000)} }`],
    ['a list literal nested 30,000 deep', 1_501, inValue(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)],
    ['an object literal nested 5,000 deep', 1_501, inValue(`${'{a:'.repeat(5_000)}1${'}'.repeat(5_000)}`)],
    ['selections nested 10,000 deep', 1_501, wrap(10_000, '{self', '')],
    ['too many tokens before a syntax error', 1_501, `{ ${'id '.repeat(2_000)} ]`],
    ['400 variables', 1_501, `query Q(${times(400, (index) => `$v${index}: Int`)}) { id }`],
  ],
  depth: [
    ['depth 13', 13, `{ ${nested(12, 'self', 'id')} }`],
    ['depth 13 through inline fragments', 13, `{ ${wrap(12, '... on Query { self { ', 'id')} }`],
    [
      'depth 13 through fragments',
      13,
      `{ ...F0 } ${chain(13, (next) => (next ? `self { ${next} }` : 'id'))}`,
    ],
    ['depth 13 in the second operation', 13, `query A { id } query B { ${nested(12, 'self', 'id')} }`],
    ['depth 401', 401, `{ ${nested(400, 'self', 'id')} }`],
  ],
  introspectionDepth: [
    ['__schema of depth 21', 21, `{ __schema { types { ${nested(18, 'ofType', 'name')} } } }`],
    ['__type of depth 21', 21, `{ __type(name: "Query") { ${nested(19, 'ofType', 'name')} } }`],
    [
      'introspection from level 6 on',
      21,
      `{ ${nested(5, 'self', `__schema { ${nested(14, 'types', 'name')} }`)} }`,
    ],
  ],
  aliases: [
    ['16 aliases', 16, inSelf(aliases(16))],
    ['16 aliases that rename nothing', 16, inSelf('id: id '.repeat(16))],
    ['16 aliases over three levels', 16, `{ a: self { b: self { ${aliases(14)} } } }`],
    ['two spreads of 8 aliases', 16, `{ self { ...A } named { ...A } } ${on('A', aliases(8))}`],
    ['aliases in inline fragments', 16, inSelf(`... { ${aliases(8)} ... on Query { ${aliases(8, 'b')} } }`)],
    ['a fragment bomb of aliases', 2 ** 30 - 1, `${selfF0} ${bomb(30, 'a: id')}`],
  ],
  directives: [
    ['21 directives on one field', 21, `{ id ${tags(21)} }`],
    ['740 directives on one field', 740, `{ id ${tags(740)} }`],
    ['21 unknown directives', 21, `{ id ${'@aa '.repeat(21)} }`],
    ['directives on variables', 21, `query Q($a: Int ${tags(10)}, $b: Int ${tags(10)}) @tag { id }`],
    [
      'directives on spreads',
      21,
      `{ ...A ${tags(9)} ...A ... ${tags(6)} { id } } fragment A on Query ${tags(3)} { id }`,
    ],
    ['a fragment bomb of directives', 2 ** 20 - 1, `${selfF0} ${bomb(20, 'id @tag')}`],
  ],
  rootFields: [
    ['11 root fields', 11, `{ ${'id '.repeat(11)} }`],
    ['__typename 1,000 times', 1_000, `{ ${'__typename '.repeat(1_000)} }`],
    ['11 root fields through fragments', 11, `{ id ...A ... { ...A } } ${on('A', 'id '.repeat(5))}`],
    ['11 root fields of a mutation', 11, `mutation { ${'id '.repeat(11)} }`],
    ['a fragment bomb of 30 levels', 2 ** 30 - 1, `{ ...F0 } ${bomb(30, 'id')}`],
  ],
  fields: [
    ['a fragment bomb below a field', 2 ** 30, `${selfF0} ${bomb(30, 'id')}`],
    [
      'a bomb of fragments without fields',
      2 ** 30 + 1,
      `${selfF0} ${chain(31, (next) => `${next} ${next || 'id'}`)}`,
    ],
    ['a bomb in an unused fragment', 2 ** 30, `{ id } ${on('U', 'self { ...F0 }')} ${bomb(30, 'id')}`],
    ['a bomb of 90 levels by 4', Number.MAX_SAFE_INTEGER, `${selfF0} ${bomb(90, 'id', 4)}`],
    ['a bomb in introspection', 2 ** 30, `{ __schema { ...F0 } } ${bomb(30, 'description')}`],
    [
      'a bomb next to a fragment cycle',
      2 ** 30,
      `${inSelf('...C ...F0')} ${on('C', '...C')} ${bomb(30, 'id')}`,
    ],
  ],
  repeats: [
    ['__typename 1,000 times below a field', 1_000, inSelf('__typename '.repeat(1_000))],
    ['the same selection 51 times', 51, inSelf('self { id } '.repeat(51))],
    ['one field in 51 inline fragments', 51, inSelf('... { id } '.repeat(51))],
    [
      'one field in 26 fragments',
      52,
      `${inSelf(times(26, (i) => `...F${i}`))} ${times(26, (i) => on(`F${i}`, 'id id'))}`,
    ],
  ],
};
const LIMITS = Object.keys(EXCESS) as Limit[];
const REFUSED = LIMITS.flatMap((limit) =>
  EXCESS[limit].map(([title, ...rest]) => [title, limit, ...rest] as const),
);

const ANSWERED: readonly (readonly [title: string, source: string])[] = [
  ['1,500 tokens', listOfTokens(1_500)],
  ['depth 12', `{ ${nested(11, 'self', 'id')} }`],
  ['depth 12 through fragments', `{ ...F0 } ${chain(12, (next) => (next ? `self { ${next} }` : 'id'))}`],
  ['100 inline fragments around one field', `{ ${nested(100, '...', 'id')} }`],
  ['introspection of depth 20', `{ id __schema { types { ${nested(17, 'ofType', 'name')} } } }`],
  ['15 aliases', inSelf(aliases(15))],
  ['20 directives on one field', `{ id ${tags(20)} }`],
  ['10 root fields', `{ ${'id '.repeat(10)} }`],
  ['10 root fields through fragments', `{ ...A ... { ...A } } ${on('A', 'id '.repeat(5))}`],
  ['the same field 50 times in one selection set', inSelf('... { id } '.repeat(50))],
  ['__typename in each of 50 selection sets', inSelf(`${'self { __typename } '.repeat(49)} __typename`)],
  [
    'fragments whose fields repeat far below',
    `${inSelf('...A '.repeat(20))} ${on('A', `self { ${'id '.repeat(9)} }`)}`,
  ],
  ['a fragment bomb that stays small', `${selfF0} ${bomb(5, 'id')}`],
  ['a list literal nested 700 deep', inValue(`${'['.repeat(700)}${']'.repeat(700)}`)],
  ['an object literal nested 360 deep', inValue(`${'{a:'.repeat(360)}1${'}'.repeat(360)}`)],
  ['1 MiB of headings in a block string', inValue(`"""${'# heading\n'.repeat(104_857)}"""`)],
  ['1,500 comments behind strings', `${inValue(QUOTES)} ${'#\n'.repeat(1_500)}`],
  ['comments between all tokens', `{ ${'id # comment\n'.repeat(10)} }`],
];

const FULL_INTROSPECTION = getIntrospectionQuery({
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
});

/** Documents that graphql itself refuses: the limits neither hide its error nor run away before it. */
const REFUSED_BY_GRAPHQL: readonly (readonly [title: string, message: RegExp, source: string])[] = [
  ['a syntax error', /Syntax Error: Expected Name, found "}"/, '{ id { } }'],
  ['an empty document', /Syntax Error: Unexpected <EOF>/, ''],
  ['a character that GraphQL does not know', /Syntax Error: Unexpected character/, '{ id \u0007 }'],
  [
    'a fragment that spreads itself',
    /Cannot spread fragment "A" within itself/,
    `{ ...A } ${on('A', 'id ...A')}`,
  ],
  ['a fragment cycle through a field', /Cannot spread fragment "A"/, `{ ...A } ${on('A', 'self { ...A }')}`],
  [
    'fragments that spread each other twice',
    /Cannot spread fragment "A" within itself via "B"/,
    `{ ...A } ${on('A', '...B ...B')} ${on('B', '...A ...A id')}`,
  ],
  ['an unknown fragment', /Unknown fragment "Missing"/, '{ ...Missing }'],
  [
    'two fragments of one name',
    /only one fragment named "A"/,
    `{ ...A } ${on('A', 'id')} ${on('A', 'name')}`,
  ],
  ['a deep unused fragment', /Fragment "A" is never used/, `{ id } ${on('A', nested(12, 'self', 'id'))}`],
  ['a type definition', /definition is not executable/, 'type A { b: Int } { id }'],
  [
    'circular introspection within the depth',
    /Maximum introspection depth exceeded/,
    `{ __schema { types { ${wrap(4, 'fields { type { ', 'name')} } } }`,
  ],
];

describe('query limits', () => {
  it.each(REFUSED)('refuse %s', (_title, limit, found, source) => {
    const { errors, resolved } = answer(source);
    expect(refusal(errors[0])).toEqual(['QUERY_LIMIT', limit, QUERY_LIMITS[limit], found]);
    expect(resolved).toBe(0);
  });

  it.each(REFUSED)('spend at most 10 ms of CPU on %s', (_title, _limit, _found, source) => {
    expect(cpuMs(() => answer(source), CPU_MS_MAX)).toBeLessThan(CPU_MS_MAX);
  });

  it.each(ANSWERED)('let pass %s', (_title, source) => {
    const { errors, resolved } = answer(source);
    expect(errors).toEqual([]);
    expect(resolved).toBeGreaterThan(0);
  });

  it.each(REFUSED_BY_GRAPHQL)('leave %s to graphql', (_title, message, source) => {
    const { errors, resolved } = answer(source);
    expect(errors[0]?.message).toMatch(message);
    expect(errors[0]?.extensions).toEqual({});
    expect(resolved).toBe(0);
  });

  it("let pass graphql's own introspection query with all its options", () => {
    const { errors } = answer(FULL_INTROSPECTION);
    expect(errors).toEqual([]);
  });

  it('say what was found, what is allowed and where', () => {
    const [error] = answer(`{ id } query B { ${nested(12, 'self', 'id')} }`).errors;
    expect(error?.message).toBe('Query limit exceeded: 13 levels of fields, at most 12 allowed');
    expect(error?.locations).toEqual([{ line: 1, column: 8 }]);
  });

  it('report every exceeded limit once, however many definitions exceed it', () => {
    const excess = `{ ${times(17, (i) => `a${i}: id @tag @tag`)} ${nested(13, 'self', 'id')} }`;
    const errors = queryLimitErrors(parseWithLimits(times(5, (index) => `query Q${index} ${excess}`)));
    const limits = errors.map((error) => error.extensions['limit']);
    expect(limits).toEqual(['depth', 'rootFields', 'aliases', 'directives']);
  });

  it('answer a document full of faults with few errors', () => {
    const { errors } = answer(`{ self { ${times(40, (index) => `unknown${index}`)} } }`);
    expect(errors).toHaveLength(MAX_VALIDATION_ERRORS + 1);
    expect(errors.at(-1)?.message).toMatch(/Too many validation errors/);
  });
});
