import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql';
import type { GraphQLArgument, GraphQLInputField, GraphQLNamedType, GraphQLSchema } from 'graphql';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { createSchema } from '../../src/schema/schema.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Everything of `promised` that `actual` lacks or says otherwise, as sentences. What is added does not count. */
function breaches(promised: GraphQLSchema, actual: GraphQLSchema): string[] {
  return Object.values(promised.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .flatMap((type) => {
      const found = actual.getType(type.name);
      return found === undefined ? [`type ${type.name} is missing`] : typeBreaches(type, found);
    });
}

function typeBreaches(promised: GraphQLNamedType, actual: GraphQLNamedType): string[] {
  const { name } = promised;
  if (promised.constructor !== actual.constructor) return [`${name} is of another kind`];
  if (isEnumType(promised) && isEnumType(actual)) {
    const values = new Set(actual.getValues().map((value) => value.name));
    return lacking(
      name,
      promised.getValues().map((value) => value.name),
      values,
    );
  }
  if (isUnionType(promised) && isUnionType(actual)) {
    const members = new Set(actual.getTypes().map((type) => type.name));
    return lacking(
      name,
      promised.getTypes().map((type) => type.name),
      members,
    );
  }
  if (isInputObjectType(promised) && isInputObjectType(actual)) {
    return inputBreaches(name, Object.values(promised.getFields()), Object.values(actual.getFields()));
  }
  if (
    (isObjectType(promised) || isInterfaceType(promised)) &&
    (isObjectType(actual) || isInterfaceType(actual))
  ) {
    const interfaces = new Set(actual.getInterfaces().map((type) => type.name));
    const faults = Object.values(promised.getFields()).flatMap((field) => {
      const path = `${name}.${field.name}`;
      const found = actual.getFields()[field.name];
      if (found === undefined) return [`${path} is missing`];
      const types =
        String(field.type) === String(found.type)
          ? []
          : [`${path} is ${String(found.type)}, not ${String(field.type)}`];
      return [...types, ...inputBreaches(path, field.args, found.args)];
    });
    return [
      ...faults,
      ...lacking(
        name,
        promised.getInterfaces().map((type) => type.name),
        interfaces,
      ),
    ];
  }
  return [];
}

function lacking(name: string, promised: readonly string[], actual: ReadonlySet<string>): string[] {
  return promised.filter((member) => !actual.has(member)).map((member) => `${name} lacks ${member}`);
}

type Inputs = readonly (GraphQLArgument | GraphQLInputField)[];

/** An input that the contract does not know may be added only when a client need not give it. */
function inputBreaches(path: string, promised: Inputs, actual: Inputs): string[] {
  const faults = promised.flatMap((input) => {
    const found = actual.find(({ name }) => name === input.name);
    if (found === undefined) return [`${path}(${input.name}) is missing`];
    const types =
      String(input.type) === String(found.type)
        ? []
        : [`${path}(${input.name}) is ${String(found.type)}, not ${String(input.type)}`];
    const [wanted, given] = [JSON.stringify(input.defaultValue), JSON.stringify(found.defaultValue)];
    return wanted === given
      ? types
      : [...types, `${path}(${input.name}) defaults to ${given}, not ${wanted}`];
  });
  const known = new Set(promised.map(({ name }) => name));
  const demanded = actual.filter(
    (input) => !known.has(input.name) && String(input.type).endsWith('!') && input.defaultValue === undefined,
  );
  return [...faults, ...demanded.map(({ name }) => `${path}(${name}) was added and must be given`)];
}

const contract = buildSchema(readFileSync(join(import.meta.dirname, 'contract.graphql'), 'utf8'));

describe('the public contract', () => {
  it('is covered by the schema: every type, field, argument, default, enum value, union member and interface', () => {
    expect(breaches(contract, createSchema())).toEqual([]);
  });

  it.each([
    ['a removed type', 'type Query { a: Int }', 'type Query { a: Int } enum E { X }', 'type E is missing'],
    [
      'another kind',
      'type Query { a: Int } type E { x: Int }',
      'type Query { a: Int } enum E { X }',
      'E is of another kind',
    ],
    ['a removed field', 'type Query { b: Int }', 'type Query { a: Int }', 'Query.a is missing'],
    ['another nullability', 'type Query { a: Int }', 'type Query { a: Int! }', 'Query.a is Int, not Int!'],
    ['a removed argument', 'type Query { a: Int }', 'type Query { a(b: Int): Int }', 'Query.a(b) is missing'],
    [
      'another default',
      'type Query { a(b: Int = 2): Int }',
      'type Query { a(b: Int = 1): Int }',
      'Query.a(b) defaults to 2, not 1',
    ],
    [
      'a demanded addition',
      'type Query { a(b: Int!): Int }',
      'type Query { a: Int }',
      'Query.a(b) was added and must be given',
    ],
    [
      'a removed enum value',
      'type Query { a: E } enum E { X }',
      'type Query { a: E } enum E { X Y }',
      'E lacks Y',
    ],
    [
      'a removed input field',
      'type Query { a: Int } input I { x: Int }',
      'type Query { a: Int } input I { x: Int y: Int }',
      'I(y) is missing',
    ],
    [
      'a removed interface',
      'type Query { a: Int } interface N { a: Int }',
      'interface N { a: Int } type Query implements N { a: Int }',
      'Query lacks N',
    ],
    [
      'a removed union member',
      'type Query { a: U } type B { x: Int } type C { x: Int } union U = B',
      'type Query { a: U } type B { x: Int } type C { x: Int } union U = B | C',
      'U lacks C',
    ],
  ])('would see %s', (_what, actual, promised, fault) => {
    expect(breaches(buildSchema(promised), buildSchema(actual))).toEqual([fault]);
  });

  it('lets the schema add what no client must know', () => {
    const promised = buildSchema('type Query { a(b: Int): Int }');
    const actual = buildSchema('type Query { a(b: Int, c: Int, d: Int! = 1): Int e: E } enum E { X }');
    expect(breaches(promised, actual)).toEqual([]);
  });
});

describe('schema.graphql', () => {
  it('is the schema as it stands, sorted (npm run schema prints it)', () => {
    const printed = printSchema(lexicographicSortSchema(createSchema()));
    expect(readFileSync(join(ROOT, 'schema.graphql'), 'utf8')).toBe(`${printed}\n`);
  });
});
