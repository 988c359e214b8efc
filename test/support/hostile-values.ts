import { times, inside, limited, INVALID } from './hostile-parts.ts';
import type { HostileDocument } from './hostile-parts.ts';

const nestedList = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const nestedObject = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const ANY = 'query Q($n: Int) { prompts(first: $n) { totalCount } }';
const manyFields = (count: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 1])));
const CREATE = 'mutation M($input: CreatePromptInput!) { createPrompt(input: $input) { __typename } }';
const FILTER = 'query Q($f: PromptFilter) { prompts(filter: $f) { totalCount } }';
const withConfig = (config: string) => `{"input":{"slug":"a","content":{"template":"x","config":${config}}}}`;
const WRONG_VALUE = { code: 'INVALID_INPUT' };

/** Of hostile documents those whose values, in the document or beside it, are what costs. */
export const HOSTILE_VALUES: readonly HostileDocument[] = [
  // Numbers
  {
    name: 'an integer of 100,000 digits',
    query: `{ prompts(first: ${'9'.repeat(100_000)}) { totalCount } }`,
    ...INVALID,
  },
  {
    name: 'an integer of 100,000 digits in a string of JSON',
    query: 'query Q($n: Int) { prompts(first: $n) { totalCount } }',
    variables: JSON.stringify({ n: '9'.repeat(100_000) }),
    ...WRONG_VALUE,
  },
  {
    name: 'an integer over 32 bits in a variable',
    query: 'query Q($n: Int) { prompts(first: $n) { totalCount } }',
    variables: JSON.stringify({ n: 2 ** 40 }),
    ...WRONG_VALUE,
  },
  {
    name: 'a float of an endless exponent',
    query: '{ prompts(first: 1e999999999) { totalCount } }',
    ...INVALID,
  },
  // Literals and variables
  {
    name: 'a list literal 5,000 deep',
    query: `{ prompts(filter: ${'['.repeat(5_000)}${']'.repeat(5_000)}) { totalCount } }`,
    ...limited('tokens'),
  },
  {
    name: 'a list literal 600 deep',
    query: `{ prompts(filter: ${'['.repeat(600)}${']'.repeat(600)}) { totalCount } }`,
    ...INVALID,
  },
  {
    name: 'an object literal 5,000 deep',
    query: `{ prompts(filter: ${inside(5_000, '{a:', '1')}) { totalCount } }`,
    ...limited('tokens'),
  },
  {
    name: 'lists 5,000 deep in a variable',
    query: CREATE,
    variables: withConfig(nestedList(5_000)),
    ...limited('variablesDepth'),
  },
  {
    name: 'objects 5,000 deep in a variable',
    query: CREATE,
    variables: withConfig(nestedObject(5_000)),
    ...limited('variablesDepth'),
  },
  {
    name: 'objects 5,000 deep where another one is meant',
    query: FILTER,
    variables: `{"f":${nestedObject(5_000)}}`,
    ...WRONG_VALUE,
  },
  {
    name: 'an input with 5,000 unknown fields',
    query: FILTER,
    variables: `{"f":${manyFields(5_000)}}`,
    ...WRONG_VALUE,
  },
  {
    name: 'an object of 50,000 fields where a number is meant',
    query: ANY,
    variables: `{"n":${manyFields(50_000)}}`,
    ...WRONG_VALUE,
  },
  {
    name: 'a list of 20,000 objects where a number is meant',
    query: ANY,
    variables: `{"n":[${'{},'.repeat(20_000)}{}]}`,
    ...WRONG_VALUE,
  },
  {
    name: '__proto__ in a variable',
    query: FILTER,
    variables: '{"f":{"__proto__":{"folder":"x"}}}',
    ...WRONG_VALUE,
  },
  { name: '300 variables', query: `query Q(${times(300, (i) => `$v${i}: Int`)}) { __typename }`, ...INVALID },
  {
    name: '400 variables',
    query: `query Q(${times(400, (i) => `$v${i}: Int`)}) { __typename }`,
    ...limited('tokens'),
  },
  {
    name: 'variables of one name',
    query: `query Q(${'$v: Int '.repeat(200)}) { prompts(first: $v) { totalCount } }`,
    ...INVALID,
  },
];
