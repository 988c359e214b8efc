import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { QUERY_LIMITS } from '../../src/server/query-limits.ts';
import { rowBudgetError } from '../../src/server/row-budget.ts';

type Variables = Readonly<Record<string, unknown>>;
type Case = readonly [
  title: string,
  rows: number,
  source: string,
  variables?: Variables | undefined,
  operation?: string | undefined,
];

const repeat = (count: number, piece: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => piece(index)).join(' ');
const page = (field: string, args: string, core: string) => `${field}${args} { edges { node { ${core} } } }`;
/** A page of 100 around `core`: each case that is to be counted exactly stands in enough of them to be refused. */
const hundred = (core: string) => page('prompts', '(first: 100)', core);
const thousands = (core: string) => `{ ${hundred(hundred(core))} }`;
/** What `thousands` makes of the rows of its core. */
const of = (rows: number) => 100 * (1 + 100 * (1 + rows));
const ids = (count: number) => Array.from({ length: count }, (_, index) => `id${index}`);
const bomb = (length: number, core: string) =>
  repeat(length, (index) => {
    const next = index + 1 < length ? `...F${index + 1}` : core;
    return `fragment F${index} on Query { ${next} ${next} }`;
  });

const REFUSED: readonly Case[] = [
  [
    'pages within pages',
    1_010_100,
    `{ ${hundred(page('versions', '(first: 100)', `prompt { ${page('versions', '(first: 100)', 'number')} }`))} }`,
  ],
  ['first', of(2), thousands(page('versions', '(first: 2)', 'number'))],
  ['last', of(3), thousands(page('versions', '(last: 3)', 'number'))],
  ['the larger one of first and last', of(7), thousands(page('versions', '(first: 7, last: 3)', 'number'))],
  ['a page by its edges', of(20), thousands('versions { edges { cursor } }')],
  ['a page by its pageInfo', of(20), thousands('versions { pageInfo { hasNextPage } }')],
  ['a page by its totalCount', of(20), thousands('versions { totalCount }')],
  ['a page by an alias', of(20), thousands('v: versions { e: edges { cursor } }')],
  ['a page by an inline fragment', of(20), thousands('versions { ... { ... { totalCount } } }')],
  [
    'a page by a fragment in a fragment',
    of(20),
    `${thousands('versions { ...A }')} fragment A on C { ...B } fragment B on C { totalCount }`,
  ],
  ['null as the default', of(20), thousands('versions(first: null) { edges { cursor } }')],
  ['a size over the maximum as the maximum', of(100), thousands('versions(first: 99999) { totalCount }')],
  ['a negative size as nothing', of(20), thousands('a: versions(first: -99) { x } versions { totalCount }')],
  ['channels', of(8), thousands('channels { name }')],
  ['pages in channels', of(8 * 11), thousands('channels { serving(first: 10) { x } }')],
  ['render, diff and lint', of(750), thousands('latest { render { x } diff { x } lint { x } }')],
  ['usage', of(100), thousands('usage(from: $from, to: $to, step: DAY) { number fetched }')],
  ['consumers as a page', of(20), thousands('latest { consumers { actor { name } } }')],
  ['consumers by their size', of(3), thousands('latest { consumers(first: 3) { fetched } }')],
  ['subscribers in channels', of(8 * 21), thousands('channels { subscribers { edges { cursor } } }')],
  ['texts', of(40), thousands('latest { template messages { x } }')],
  ['pages in a diff', of(210), thousands('diff { to { versions(first: 10) { x } } }')],
  [
    'no rows for fields that are no lists',
    of(8),
    thousands('latest { basedOn { channels { x } } __typename }'),
  ],
  ['aliases of one page', 6 * of(0), `{ ${repeat(6, (i) => `a${i}: ${hundred(hundred('id'))}`)} }`],
  [
    'nothing for introspection',
    of(8),
    thousands('channels { x } __typename __schema(first: 100) { render }'),
  ],
  ['listed nodes', of(3), thousands('nodes(ids: ["a", "b", $c]) { id }')],
  ['one node that is no list', of(1), thousands('nodes(ids: "a") { id }')],
  ['nodes of a variable', of(40), thousands('nodes(ids: $ids) { id }'), { ids: ids(40) }],
  ['too many nodes as the maximum', of(100), thousands('nodes(ids: $ids) { id }'), { ids: ids(5_000) }],
  ['nodes of nobody', of(100), thousands('nodes(ids: $ids) { id }')],
  ['nodes of a default', of(2), `query($ids: [ID!]! = ["a", "b"]) ${thousands('nodes(ids: $ids) { id }')}`],
  ['a variable', of(5), `query($n: Int) ${thousands('versions(first: $n) { x }')}`, { n: 5 }],
  [
    'a variable rather than its default',
    of(5),
    `query($n: Int = 9) ${thousands('versions(first: $n) { x }')}`,
    { n: 5 },
  ],
  ['the default of a variable', of(9), `query($n: Int = 9) ${thousands('versions(first: $n) { x }')}`],
  ['a variable of null', of(20), `query($n: Int = 9) ${thousands('versions(last: $n) { x }')}`, { n: null }],
  ['a variable without a value', of(100), `query($n: Int) ${thousands('versions(first: $n) { x }')}`],
  [
    'a variable that is no number',
    of(100),
    `query($n: Int) ${thousands('versions(first: $n) { x }')}`,
    { n: '1' },
  ],
  [
    'a variable with a name that objects have',
    of(100),
    `query($constructor: Int) ${thousands('versions(first: $constructor) { x }')}`,
  ],
  [
    'a variable in a fragment',
    of(5),
    `query($n: Int) ${thousands('...A')} fragment A on P { versions(first: $n) { x } }`,
    { n: 5 },
  ],
  ['a fragment each time it is spread', 2 * of(0), `{ ...A ...A } fragment A on Q ${thousands('id')}`],
  [
    'a fragment with a cycle beside its pages',
    of(8),
    `{ ...A } fragment A on Q { ...A ${hundred(hundred('channels { x }'))} }`,
  ],
  ['an operation by its name', of(8), `query A { id } query B ${thousands('channels { x }')}`, {}, 'B'],
  ['a mutation', of(8), `mutation ${thousands('channels { x }')}`],
  ['a fragment bomb', 20 * 2 ** 20, `{ ...F0 } ${bomb(20, 'versions { totalCount }')}`],
  [
    'a bomb of a thousand levels',
    Number.MAX_SAFE_INTEGER,
    `{ ...F0 } ${bomb(1_000, 'versions { totalCount }')}`,
  ],
  [
    'a bomb next to a page of nothing around it',
    Number.MAX_SAFE_INTEGER,
    `{ versions(first: 0) { ...F0 } ...F0 } ${bomb(1_100, 'versions { totalCount }')}`,
  ],
];

const ALLOWED: readonly Case[] = [
  ['the largest page of versions in pages', 10_100, thousands('id')],
  ['15,000 rows', 15_000, `{ ${hundred('a: versions(first: 100) { x } b: versions(first: 49) { x }')} }`],
  [
    'five texts of each of a hundred prompts',
    10_600,
    `{ ${hundred(page('versions', '(first: 5)', 'number template'))} }`,
  ],
  ['a cycle', 0, '{ ...A } fragment A on Query { self { ...B } } fragment B on Query { ...A ...A }'],
  ['an unknown fragment', 0, '{ ...Missing }'],
  ['an expensive operation that is not meant', 0, `query A { id } query B ${thousands('lint')}`, {}, 'A'],
  ['an expensive fragment that is not used', 0, `{ id } fragment A on Query ${thousands('lint')}`],
  ['an operation that is not there', 0, `query A ${thousands('lint')}`, {}, 'B'],
  ['several operations without a name', 0, `query A ${thousands('lint')} query B { id }`],
  ['a page of nothing', 0, `{ versions(first: 0) { ...F0 } } ${bomb(1_000, 'lint')}`],
  ['introspection', 0, '{ __schema { types { fields { name } } } }'],
  [
    'a small page of a variable',
    0,
    `query($n: Int) ${page('{ prompts', '(first: $n)', 'lint')} }`,
    { n: 70 },
  ],
];

const cases = (table: readonly Case[]) => table.map((entry) => [entry[0], entry] as const);

describe('the row budget', () => {
  it.each(cases(REFUSED))('counts %s', (_title, [, found, source, variables = {}, operation]) => {
    const error = rowBudgetError(parse(source), operation, variables);
    expect(error?.extensions).toEqual({ code: 'QUERY_LIMIT', limit: 'rows', max: QUERY_LIMITS.rows, found });
  });

  it.each(cases(ALLOWED))('lets pass %s', (_title, [, , source, variables = {}, operation]) => {
    expect(rowBudgetError(parse(source), operation, variables)).toBeNull();
  });

  it('says what was found, what is allowed and where', () => {
    const error = rowBudgetError(parse(`query A { id } query B ${thousands('channels { name }')}`), 'B', {});
    expect(error?.message).toBe(
      'Query limit exceeded: 90100 rows to read (ask for smaller pages; what is no row counts as several, each time: ' +
        'template 20, messages 20, lint 50, usage 100, diff 200, diffNow 200, promotionPlan 50, rollout 20, render 500), at most 15000 allowed',
    );
    expect(error?.locations).toEqual([{ line: 1, column: 16 }]);
  });

  it('tells whether a variable has a say in it', () => {
    const asks = (source: string) => {
      let asked = false;
      rowBudgetError(parse(source), null, { slug: 'a', n: 2 }, () => {
        asked = true;
      });
      return asked;
    };
    expect(asks('query($slug: String!) { prompt(slug: $slug) { versions(first: 2) { totalCount } } }')).toBe(
      false,
    );
    expect(asks('query($n: Int) { prompts { edges { node { versions(last: $n) { totalCount } } } } }')).toBe(
      true,
    );
    expect(asks('query($n: [ID!]!) { ...a } fragment a on Query { nodes(ids: $n) { id } }')).toBe(true);
  });
});
