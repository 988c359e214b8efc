import { request } from 'node:http';
import { isListType, isNonNullType, isObjectType, isUnionType } from 'graphql';
import type { GraphQLObjectType, GraphQLOutputType, GraphQLSchema } from 'graphql';
import fc from 'fast-check';
import type { GeneratorValue } from 'fast-check';
import { snapshotReadOf } from '../../src/schema/from-snapshot.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

export interface Wanted {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** An answer as it comes over the wire: its head in its order and writing, without what is of the moment. */
export interface Wire {
  readonly status: number;
  readonly head: readonly string[];
  readonly body: string;
}

interface Asking {
  readonly key: string;
  readonly accept?: string;
  /** Makes Yoga answer: whoever waits for a place in the log is not answered from memory. */
  readonly minCursor?: string;
}

/** Posts an operation, always in the same bytes. */
export function post(
  url: string,
  wanted: Wanted,
  { key, accept = 'application/json', minCursor }: Asking,
): Promise<Wire> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    accept,
    ...(minCursor === undefined ? {} : { 'x-promptforge-min-cursor': minCursor }),
  };
  return exchange(url, 'POST', headers, JSON.stringify(wanted));
}

const OF_THE_MOMENT = new Set(['x-request-id', 'date']);

export function exchange(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: string,
): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const head = res.rawHeaders.flatMap((name, index, all) =>
          index % 2 === 1 || OF_THE_MOMENT.has(name.toLowerCase()) ? [] : [`${name}: ${all[index + 1]}`],
        );
        resolve({ status: res.statusCode ?? 0, head, body: Buffer.concat(chunks).toString('latin1') });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Prompts of both kinds, three versions each, `stable` at the second; one that nothing but `latest` serves; one that is retired. */
export async function seedPrompts(server: TestServer): Promise<void> {
  const textOf = (n: number) => ({
    template: `Grüße ${n} 🙂 "{{name}}" \\ {{other}}\u2028</script>`,
    variables: [
      { name: 'name', type: 'STRING' as const, required: true, description: 'who' },
      { name: 'tone', type: 'ENUM' as const, options: ['warm', 'dry'], required: false, default: 'dry' },
    ],
    // In the order in which PostgreSQL's jsonb has keys: Prisma's joins read through it.
    config: { a: 1e21, n, z: [1.5, null, { ü: 'ä' }] },
  });
  const chatOf = (n: number) => ({
    messages: [
      { role: 'SYSTEM' as const, content: `be ${n}` },
      { role: 'USER' as const, content: 'hi {{name}}', name: 'ada' },
    ],
  });
  for (const [slug, contentOf] of [
    ['support/text', textOf],
    ['support/chat', chatOf],
    ['sales/text', textOf],
  ] as const) {
    await createPrompt(server, slug, { content: contentOf(1) });
    for (const n of [2, 3]) await editPrompt(server, slug, { content: contentOf(n) });
    await promote(server, slug, 2);
  }
  await createPrompt(server, 'support/draft');
  await createPrompt(server, 'support/gone');
  await promote(server, 'support/gone', 1);
  (await server.execute('mutation { archivePrompt(input: { slug: "support/gone" }) { __typename } }')).data();
}

/** `Type.field` for every marked field that can be reached through marked fields. */
export function markedFields(schema: GraphQLSchema): string[] {
  const found = new Set<string>();
  const walk = (type: GraphQLOutputType): void => {
    const bare = bareOf(type);
    if (isUnionType(bare)) return bare.getTypes().forEach(walk);
    if (!isObjectType(bare)) return;
    for (const field of Object.values(bare.getFields())) {
      const name = `${bare.name}.${field.name}`;
      if (snapshotReadOf(field) === undefined || found.has(name)) continue;
      found.add(name);
      walk(field.type);
    }
  };
  walk(queryOf(schema));
  return [...found].toSorted();
}

function queryOf(schema: GraphQLSchema): GraphQLObjectType {
  const type = schema.getQueryType();
  if (!type) throw new Error('the schema has no queries');
  return type;
}

function bareOf(type: GraphQLOutputType): GraphQLOutputType {
  return isNonNullType(type) || isListType(type) ? bareOf(type.ofType as GraphQLOutputType) : type;
}

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  'Query.prompt': [
    '(slug: "support/text")',
    '(slug: "support/chat")',
    '(slug: $slug)',
    '(slug: "sales/text")',
    '(slug: "support/draft")',
    '(slug: "nowhere")',
  ],
  'Prompt.version': [
    '(channel: "stable")',
    '(channel: $channel)',
    '(channel: "latest", number: null)',
    '(number: 1)',
    '(number: $number)',
    '(number: 99)',
    '(channel: "stäble")',
  ],
  'PromptVersion.render': [
    '(variables: {name: "Ada", other: $channel})',
    '(strict: false)',
    '(variables: $values, strict: $yes)',
    '',
  ],
};
/** What is not marked, and no other thing when it is asked for again. */
const UNMARKED: Readonly<Record<string, string>> = {
  Prompt: 'owner tags archivedAt',
  PromptVersion: 'message author { name }',
};
const DECLARED: Readonly<Record<string, string>> = {
  slug: 'String! = "support/text"',
  channel: 'String = "stable"',
  number: 'Int = 2',
  values: 'JSON',
  yes: 'Boolean! = true',
  no: 'Boolean! = false',
};
const CONDITIONS = [
  '@include(if: $yes)',
  '@skip(if: $no)',
  '@skip(if: $yes)',
  '@include(if: true)',
  '@skip(if: false) @include(if: $yes)',
];
const VALUES: readonly Wanted['variables'][] = [
  {},
  { slug: 'support/chat', number: 3 },
  { yes: false, no: true, channel: 'latest' },
  { values: { name: 'Ada', tone: 'warm', other: 1 } },
  { slug: 'sales/text', channel: null, values: null },
];

/** An operation over the marked part of the schema; with `strays`, some of it is not marked. */
export function operationOf(g: GeneratorValue, schema: GraphQLSchema, strays: boolean): Wanted {
  const pick = <T>(all: readonly T[]): T => all[g(fc.nat, { max: all.length - 1 })] as T;
  const chance = (percent: number) => g(fc.nat, { max: 99 }) < percent;
  const fragments: string[] = [];
  let aliases = 0;

  const selection = (type: GraphQLObjectType, depth: number): string => {
    const fields = Object.values(type.getFields()).filter(
      (field) => snapshotReadOf(field) !== undefined && (depth > 0 || !isObjectType(bareOf(field.type))),
    );
    const times = 1 + g(fc.nat, { max: type.name === 'Query' ? 1 : 4 });
    const parts = Array.from({ length: times }, () => {
      const field = pick(fields);
      const inner = bareOf(field.type);
      const alias =
        aliases < 14 && chance(30)
          ? `${pick(['a', 'b', '__proto__', 'constructor', 'toJSON'])}${(aliases += 1)}: `
          : '';
      const args = pick(ARGUMENTS[`${type.name}.${field.name}`] ?? ['']);
      // One name with two meanings is refused: what has arguments has a name of its own.
      const name = args === '' || alias !== '' ? alias : `x${(aliases += 1)}: `;
      const condition = chance(12) ? ` ${pick(CONDITIONS)}` : '';
      return `${name}${field.name}${args}${condition}${innerOf(inner, depth - 1)}`;
    });
    if (chance(30)) parts.push('__typename');
    if (type.name === 'Prompt' && chance(70))
      parts.push(`v: version(channel: "stable") { number ${selection(typeOf('PromptVersion'), 0)} }`);
    if (strays && UNMARKED[type.name] !== undefined) parts.push(UNMARKED[type.name] ?? '');
    return wrapped(type, parts.join(' '));
  };
  const wrapped = (type: GraphQLObjectType, text: string): string => {
    if (chance(12)) return `... on ${type.name} { ${text} } ${type.name === 'Query' ? '' : '__typename'}`;
    if (chance(8)) return `... @include(if: $yes) { ${text} }`;
    if (!chance(15)) return text;
    fragments.push(`fragment F${fragments.length} on ${type.name} { ${text} }`);
    return `...F${fragments.length - 1}`;
  };
  const innerOf = (type: GraphQLOutputType, depth: number): string => {
    if (isObjectType(type)) return ` { ${selection(type, depth)} }`;
    if (!isUnionType(type)) return '';
    const members = type.getTypes().map((member) => `... on ${member.name} { ${selection(member, depth)} }`);
    return ` { __typename ${members.join(' ')} ${chance(50) ? '... on Error { code }' : ''} }`;
  };
  const typeOf = (name: string): GraphQLObjectType => {
    const type = schema.getType(name);
    if (!isObjectType(type)) throw new Error(`there is no object type ${name}`);
    return type;
  };
  const text = selection(queryOf(schema), 3);
  const body = `{ ${text} } ${fragments.join(' ')}`;
  // What is declared and not used is refused.
  const declared = Object.entries(DECLARED).filter(([name]) => body.includes(`$${name}`));
  const header = declared.map(([name, type]) => `$${name}: ${type}`).join(', ');
  return {
    query: `query Generated${header === '' ? '' : `(${header})`} ${body}`,
    variables: pick(VALUES) ?? {},
  };
}
