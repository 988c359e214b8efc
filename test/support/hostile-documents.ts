import { times, inside, limited, INVALID } from './hostile-parts.ts';
import type { HostileDocument } from './hostile-parts.ts';
import { HOSTILE_VALUES } from './hostile-values.ts';

const PROMPT = 'prompt(slug: "a")';
const MALFORMED = { code: 'GRAPHQL_PARSE_FAILED' };

/** One fragment after the other, each of which spreads the next one twice: 2^n fields in a few hundred bytes. */
const bomb = (length: number, own: string) =>
  times(
    length,
    (index) =>
      `fragment F${index} on Query { ${own} ${index + 1 < length ? `...F${index + 1} ...F${index + 1}` : '__typename'} }`,
  );
const PAGES = 'prompts(first: 100) { edges { node { versions(first: 100) { edges { node { number } } } } } }';

export const HOSTILE_DOCUMENTS: readonly HostileDocument[] = [
  // Depth
  {
    name: 'fields 200 deep',
    query: `{ ${PROMPT} { ${inside(100, 'latest { prompt { ', 'id')} } }`,
    ...limited('depth'),
  },
  { name: 'fields 10,000 deep', query: inside(10_000, '{ node ', ''), ...limited('tokens') },
  {
    name: 'inline fragments 400 deep',
    query: inside(400, '{ ... on Query ', '{ id }'),
    ...limited('tokens'),
  },
  {
    name: 'depth behind a chain of fragments',
    query: `{ ${PROMPT} { ...F0 } } ${times(20, (i) => `fragment F${i} on Prompt { latest { prompt { ${i < 19 ? `...F${i + 1}` : 'id'} } } }`)}`,
    ...limited('depth'),
  },
  // Aliases
  { name: '1,000 aliases', query: `{ ${times(300, (i) => `a${i}: __typename`)} }`, ...limited('aliases') },
  {
    name: 'the dearest field under 16 aliases',
    query: `{ ${times(16, (i) => `a${i}: prompts(first: 100) { totalCount }`)} }`,
    ...limited('aliases'),
  },
  {
    name: 'aliases behind a fragment',
    query: `{ ...A ...A ...A ...A } fragment A on Query { ${times(8, (i) => `a${i}: __typename`)} }`,
    ...limited('aliases'),
  },
  {
    name: 'a brute-force attack by aliased mutations',
    query: `mutation M { ${times(100, (i) => `a${i}: revokeThing(id: "${i}") { __typename }`)} }`,
    ...limited('aliases'),
  },
  // Directives
  {
    name: '500 directives on one field',
    query: `{ __typename ${'@include(if: true) '.repeat(100)} }`,
    ...limited('directives'),
  },
  { name: '700 unknown directives', query: `{ __typename ${'@aa '.repeat(700)} }`, ...limited('directives') },
  {
    name: 'directives on a fragment that is not used',
    query: `{ __typename } fragment F on Query ${'@aa '.repeat(100)} { __typename }`,
    ...limited('directives'),
  },
  {
    name: 'directives on variables',
    query: `query Q(${times(30, (i) => `$v${i}: Int @aa`)}) { __typename }`,
    ...limited('directives'),
  },
  // Repetition
  { name: 'one field 1,000 times', query: `{ ${'__typename '.repeat(1_000)} }`, ...limited('rootFields') },
  {
    name: 'one field 500 times further down',
    query: `{ viewer { ${'role '.repeat(500)} } }`,
    ...limited('repeats'),
  },
  { name: 'one field 20,000 times', query: `{ viewer { ${'role '.repeat(20_000)} } }`, ...limited('tokens') },
  {
    name: 'one object 100 times, to be merged',
    query: `{ viewer { ${'workspace { id } '.repeat(100)} } }`,
    ...limited('repeats'),
  },
  {
    name: 'eleven root fields',
    query: `{ ${times(11, () => 'viewer { role }')} }`,
    ...limited('rootFields'),
  },
  // Fragments
  {
    name: 'a fragment that spreads itself',
    query: '{ ...F } fragment F on Query { __typename ...F }',
    ...INVALID,
  },
  {
    name: 'fragments in a circle',
    query: '{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }',
    ...INVALID,
  },
  {
    name: 'a circle of 60 fragments that is not used',
    query: `{ __typename } ${times(60, (i) => `fragment F${i} on Query { ...F${(i + 1) % 60} }`)}`,
    ...INVALID,
  },
  {
    name: 'a fragment bomb of 2^30 fields',
    query: `{ ...F0 } ${bomb(30, '__typename')}`,
    ...limited('rootFields'),
  },
  {
    name: 'a fragment bomb further down',
    query: `{ viewer { workspace { ...F0 } } } ${bomb(30, 'id').replaceAll('on Query', 'on Workspace')}`,
    ...limited('fields'),
  },
  {
    name: 'a fragment bomb that is not used',
    query: `{ __typename } ${bomb(30, '__typename')}`,
    ...limited('fields'),
  },
  {
    name: 'a fragment on everything',
    query: `{ node(id: "x") { ${times(60, () => '... on Prompt { ... on Node { ... on Prompt { id } } }')} } }`,
    ...limited('repeats'),
  },
  {
    name: 'fragments of one name',
    query: `{ ...F } ${times(100, () => 'fragment F on Query { __typename }')}`,
    ...INVALID,
  },
  // Tokens, comments, length
  { name: '100,000 tokens', query: `{ __typename ${'a '.repeat(100_000)} }`, ...limited('tokens') },
  { name: '100,000 comments', query: `${'#\n'.repeat(100_000)}{ __typename }`, ...limited('comments') },
  { name: 'three million spaces', query: `{ __typename${' '.repeat(3_000_000)}}`, ...limited('length') },
  { name: '50,000 commas', query: `{ __typename${','.repeat(50_000)}]`, ...MALFORMED },
  { name: 'braces that are never closed', query: '{'.repeat(5_000), ...limited('tokens') },
  {
    name: 'a string that is never closed',
    query: `{ prompt(slug: "${'\\u0041'.repeat(10_000)}`,
    ...MALFORMED,
  },
  {
    name: 'a block string that is never closed',
    query: `{ prompt(slug: """${'\\"""'.repeat(10_000)}`,
    ...MALFORMED,
  },
  // Unicode
  { name: 'a byte order mark in the middle', query: `{ __type\uFEFFname }`, ...INVALID },
  { name: 'a name of other letters that look the same', query: '{ v\u0456ewer { role } }', ...MALFORMED },
  { name: 'text that is written from the right', query: '{ \u202Eresu\u202C }', ...MALFORMED },
  { name: 'half of a surrogate pair', query: '{ prompt(slug: "\\uD800") { id } }', ...MALFORMED },
  { name: 'a null character', query: '{ viewer\u0000 { role } }', ...MALFORMED },
  ...HOSTILE_VALUES,
  // Operations
  {
    name: '150 operations of one name',
    query: times(150, () => 'query Q { __typename }'),
    operationName: 'Q',
    ...INVALID,
  },
  {
    name: '200 operations, and none is named',
    query: times(200, (i) => `query Q${i} { __typename }`),
    code: 'OPERATION_RESOLUTION_FAILURE',
  },
  {
    name: 'an operation that is not there, by a name of a megabyte',
    query: 'query A { __typename }',
    operationName: 'x'.repeat(30_000),
    code: 'OPERATION_RESOLUTION_FAILURE',
  },
  {
    name: '100 definitions of types',
    query: `{ __typename } ${times(100, (i) => `type T${i} { a: Int }`)}`,
    ...INVALID,
  },
  {
    name: 'two root fields of a subscription',
    query: 'subscription S { a: channelEvents { __typename } b: channelEvents { __typename } }',
    ...INVALID,
  },
  {
    name: 'a subscription under a condition',
    query: 'subscription S($v: Boolean = false) { channelEvents @include(if: $v) { __typename } }',
    ...INVALID,
  },
  // Introspection
  {
    name: 'introspection in a circle',
    query: `{ __schema { types { ${inside(8, 'fields { type { ', 'name')} } } }`,
    ...INVALID,
  },
  {
    name: 'introspection 60 deep',
    query: `{ __type(name: "Query") { ${inside(60, 'ofType { ', 'name')} } }`,
    ...limited('introspectionDepth'),
  },
  {
    name: 'introspection 20 times',
    query: `{ ${times(20, (i) => `a${i}: __schema { types { name } }`)} }`,
    ...limited('aliases'),
  },
  // Rows
  {
    name: 'pages within pages',
    query: `{ ${PAGES.replace('{ number }', '{ number prompt { versions(first: 100) { edges { node { number } } } } }')} }`,
    ...limited('rows'),
  },
  {
    name: 'the largest pages by variables',
    query:
      'query Q($n: Int) { prompts(first: $n) { edges { node { versions(first: $n) { edges { node { template } } } } } } }',
    variables: '{"n":100}',
    ...limited('rows'),
  },
  {
    name: '100 nodes with all their versions',
    query:
      'query Q($ids: [ID!]!) { nodes(ids: $ids) { ... on Prompt { versions(first: 100) { edges { node { messages { content } } } } } } }',
    variables: JSON.stringify({ ids: Array.from({ length: 100 }, (_, i) => String(i)) }),
    ...limited('rows'),
  },
];
