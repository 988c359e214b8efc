import {
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';
import type { GraphQLField, GraphQLNamedType, GraphQLOutputType } from 'graphql';
import { buildSchema, isIntrospectionType, isSpecifiedScalarType } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { createSchema } from '../../src/schema/schema.ts';

interface Named {
  readonly path: string;
  readonly name: string;
  readonly kind: 'type' | 'enum value' | 'field';
  readonly description: string | null | undefined;
}

/** Every name that the schema gives out, with its description. */
function namesOf(schema: GraphQLSchema): Named[] {
  return ownTypes(schema).flatMap((type) => [
    { path: type.name, name: type.name, kind: 'type' as const, description: type.description },
    ...membersOf(type),
  ]);
}

function ownTypes(schema: GraphQLSchema): GraphQLNamedType[] {
  return Object.values(schema.getTypeMap()).filter(
    (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  );
}

function membersOf(type: GraphQLNamedType): Named[] {
  const named = (
    kind: Named['kind'],
    path: string,
    { name, description }: Pick<Named, 'name' | 'description'>,
  ) => ({
    kind,
    path: `${path}.${name}`,
    name,
    description,
  });
  if (isEnumType(type)) return type.getValues().map((value) => named('enum value', type.name, value));
  if (isInputObjectType(type))
    return Object.values(type.getFields()).map((field) => named('field', type.name, field));
  return fieldsOf(type).flatMap((field) => [
    named('field', type.name, field),
    ...field.args.map((arg) => named('field', `${type.name}.${field.name}`, arg)),
  ]);
}

function fieldsOf(type: GraphQLNamedType): GraphQLField<unknown, unknown>[] {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
}

const RULES = { type: /^[A-Z][A-Za-z]*$/, 'enum value': /^[A-Z][A-Z_]*$/, field: /^[a-z][A-Za-z]*$/ };

function nameFaults(schema: GraphQLSchema): string[] {
  const misspelt = namesOf(schema).filter(({ name, kind }) => !RULES[kind].test(name));
  const queries = Object.keys(schema.getQueryType()?.getFields() ?? {}).filter((name) =>
    /^get[A-Z]/.test(name),
  );
  const suffixed = namesOf(schema).filter(
    ({ name, kind }) => kind !== 'type' && /(Query|Mutation)$/.test(name),
  );
  return [...misspelt.map(({ path }) => path), ...queries, ...suffixed.map(({ path }) => path)];
}

const withoutDescription = (schema: GraphQLSchema) =>
  namesOf(schema).filter(({ description }) => !description?.trim());

/** Lists whose length something else bounds; a list that is not here must be a connection. */
const BOUNDED: Readonly<Record<string, string>> = {
  'ApiKey.channels': 'at most 100',
  'ApiKey.prompts': 'at most 100',
  'ApiKey.scopes': 'a fixed list',
  'Grant.channels': 'at most 100',
  'Grant.prompts': 'at most 100',
  'Member.grants': 'at most 50',
  'Query.nodes': 'at most 100 ids are taken',
  'Query.channels': 'a workspace has at most 32',
  'Prompt.channels': 'a workspace has at most 32',
  'Prompt.tags': 'a prompt has at most 50',
  'Prompt.usage': 'at most 5,000 points, more are refused',
  'PromptVersion.channels': 'a workspace has at most 32',
  'PromptVersion.consumers': 'at most 100',
  'PromptVersion.lint': 'at most 100 stray braces and 500 variables',
  'PromptVersion.messages': 'a version has at most 500',
  'PromptVersion.variables': 'a version has at most 500',
  'RenderedPrompt.messages': 'a version has at most 500',
  'Subscriber.prompts': 'a subscription takes at most 100',
  'Variable.options': 'part of a version of at most 1 MiB',
  'VariablesInvalid.missing': 'a version has at most 500 variables',
  'VariablesInvalid.invalid': 'a version has at most 500 variables',
  'VariablesInvalid.unknown': 'names of the request itself',
  'VersionDiff.variablesAdded': 'a version has at most 500 variables',
  'VersionDiff.variablesRemoved': 'a version has at most 500 variables',
  'ChannelSnapshot.entries': 'a frame has at most 100',
  'PromotionBatch.promotions': 'at most 500 items are promoted at once',
  'ImportReport.versions': 'at most 100 versions are imported at once',
  'Viewer.scopes': 'a fixed list',
  'Channel.policies': 'at most 100 are set',
  'PromotionBlocked.blockers': 'at most 500 items are promoted at once, each has nine kinds of blockers',
  'PromotionPlan.approvers': 'at most 100',
  'PromotionPlan.blockers': 'there are nine kinds',
  'PromotionPlan.variablesAdded': 'a version has at most 500 variables',
  'PromotionPlan.variablesRemoved': 'a version has at most 500 variables',
  'PromotionRequest.blockers': 'there are nine kinds',
  'PromotionRequest.reviews': 'a request takes at most 100',
  'Viewer.grants': 'a key has one, a member at most 50',
};

/** There is nothing to say. */
const WITHOUT_INPUT: ReadonlySet<string> = new Set(['signCheckpoint']);

function unboundedLists(schema: GraphQLSchema): string[] {
  return ownTypes(schema)
    .filter((type) => !type.name.endsWith('Connection'))
    .flatMap((type) =>
      fieldsOf(type)
        .filter((field) => isList(field.type))
        .map((field) => `${type.name}.${field.name}`),
    )
    .filter((path) => BOUNDED[path] === undefined);
}

function isList(type: GraphQLOutputType): boolean {
  return isListType(isNonNullType(type) ? type.ofType : type);
}

describe('the conventions of the schema', () => {
  const schema = createSchema();

  it('describes every type, field, argument, input field and enum value', () => {
    expect(withoutDescription(schema).map(({ path }) => path)).toEqual([]);
  });

  it('says something in every description: no name repeated, a sentence that ends', () => {
    const empty = namesOf(schema).filter(
      ({ name, description }) => description?.replace(/\W/g, '').toLowerCase() === name.toLowerCase(),
    );
    const unended = namesOf(schema).filter(({ description }) => !/[.:)]$/.test(description?.trim() ?? ''));
    expect([...empty, ...unended].map(({ path }) => path)).toEqual([]);
  });

  it('names types in PascalCase, enum values in UPPER_CASE, everything else in camelCase, without get, Query or Mutation', () => {
    expect(nameFaults(schema)).toEqual([]);
  });

  it('has an input type <Mutation>Input and a result union <Mutation>Result for every mutation', () => {
    for (const mutation of Object.values(schema.getMutationType()?.getFields() ?? {})) {
      const name = mutation.name.charAt(0).toUpperCase() + mutation.name.slice(1);
      expect(mutation.args.map((arg) => `${arg.name}: ${String(arg.type)}`)).toEqual(
        WITHOUT_INPUT.has(mutation.name) ? [] : [`input: ${name}Input!`],
      );
      expect(String(mutation.type)).toBe(`${name}Result!`);
      const union = schema.getType(`${name}Result`);
      const members = isUnionType(union) ? union.getTypes() : [];
      expect(
        members.filter((type) => !type.getInterfaces().some(({ name: i }) => i === 'Error')),
        name,
      ).toHaveLength(1);
      expect(
        members.map((type) => type.name),
        name,
      ).toEqual(expect.arrayContaining(['Forbidden', 'Unavailable']));
    }
  });

  it('bounds every list: a connection, or a limit that is written down', () => {
    expect(unboundedLists(schema)).toEqual([]);
    const paths = new Set(namesOf(schema).map(({ path }) => path));
    expect(Object.keys(BOUNDED).filter((path) => !paths.has(path))).toEqual([]);
  });

  it('gives every connection first, after, last and before, and says that pages hold at most 100 rows', () => {
    const connections = ownTypes(schema).flatMap((type) =>
      fieldsOf(type).filter((field) => String(field.type).endsWith('Connection!')),
    );
    expect(connections.map((field) => field.name).toSorted()).toEqual([
      'apiKeys',
      'events',
      'members',
      'promotionRequests',
      'promotions',
      'prompts',
      'serving',
      'subscribers',
      'versions',
      'workspaces',
    ]);
    for (const { args } of connections) {
      const texts = new Map(args.map((arg) => [arg.name, `${String(arg.type)} ${arg.description}`]));
      expect(texts.get('first')).toMatch(/^Int .*100/);
      expect(texts.get('last')).toMatch(/^Int .*100/);
      expect(texts.get('after')).toMatch(/^String /);
      expect(texts.get('before')).toMatch(/^String /);
    }
  });

  it('would see an undescribed, a misnamed and an unbounded one', () => {
    const planted = buildSchema(
      '"""Q."""\ntype Query {\n"""Bad."""\ngetIt(a_b: Int): [thing!]!\n}\n"""T."""\ntype thing {\n"""Bad."""\nX: E\n}\n"""E."""\nenum E { a }',
    );
    expect(withoutDescription(planted).map(({ path }) => path)).toEqual(['Query.getIt.a_b', 'E.a']);
    expect(nameFaults(planted)).toEqual(['Query.getIt.a_b', 'thing', 'thing.X', 'E.a', 'getIt']);
    expect(unboundedLists(planted)).toEqual(['Query.getIt']);
  });
});
