import { parse, validate } from 'graphql';
import type { DocumentNode, OperationDefinitionNode } from 'graphql';
import { beforeEach, describe, expect, it } from 'vitest';
import { NotInSnapshot } from '../../src/schema/from-snapshot.ts';
import { createSchema } from '../../src/schema/schema.ts';
import { queryLimitErrors } from '../../src/server/query-limits.ts';
import { SnapshotOperation } from '../../src/server/snapshot-operation.ts';
import { PLANS_BYTES_MAX, SnapshotPlans } from '../../src/server/snapshot-plans.ts';
import type { PlansOfOperation } from '../../src/server/snapshot-plans.ts';

const schema = createSchema();
const ABSENT = new NotInSnapshot();

let plans: SnapshotPlans;

beforeEach(() => {
  plans = new SnapshotPlans();
});

/** @returns whether there is a plan, whose first read says that nothing is there */
function isPlanned(operation: SnapshotOperation, variables = {}): boolean {
  const away = () => {
    throw ABSENT;
  };
  try {
    return operation.write({ prompt: away, version: away }, variables) !== null;
  } catch (error) {
    if (error === ABSENT) return true;
    throw error;
  }
}

/** Of a document that may be sent. */
function operationOf(text: string): SnapshotOperation {
  const document: DocumentNode = parse(text);
  expect([...queryLimitErrors(document), ...validate(schema, document)]).toEqual([]);
  return new SnapshotOperation(
    { schema, plans },
    document,
    document.definitions[0] as OperationDefinitionNode,
  );
}

function rootsOf(conditions: readonly string[]): string {
  return Array.from({ length: 10 }, (_, index) => {
    const name = conditions[index];
    return `p${index}: prompt(slug: "a") ${name === undefined ? '' : `@include(if: $${name})`} { ...P }`;
  }).join(' ');
}

const ROOTS = rootsOf([]);
const CONDITIONS = ['a', 'b', 'c', 'd'];

/** More than 800 fields in about as many characters. */
const bomb = (
  name: string,
) => `query ${name}(${CONDITIONS.map((condition) => `$${condition}: Boolean = true`).join()}) { ${rootsOf(CONDITIONS)} }
  fragment P on Prompt { id version(number: 1) { ...V prompt { version(number: 1) { ...V prompt { version(number: 1) { ...V
    prompt { version(number: 1) { ...V prompt { version(number: 1) { ...V } } } } } } } } } }
  fragment V on PromptVersion { id number template messages { role name content } variables { type name default options } }`;

describe('the plans of operations that are answered from memory', () => {
  it('are bounded by their weight over all documents, however short these are', () => {
    isPlanned(operationOf(bomb('One')));
    const weight = plans.sizeBytes();
    expect(weight).toBeGreaterThan(800 * 400);
    const held = [];
    for (let index = 0; index * weight < 1.2 * PLANS_BYTES_MAX; index += 1) {
      const operation = operationOf(bomb(`Q${index}`));
      expect(isPlanned(operation)).toBe(true);
      held.push(operation);
    }
    expect(plans.sizeBytes()).toBeLessThanOrEqual(PLANS_BYTES_MAX);
    expect(plans.sizeBytes()).toBeGreaterThan(PLANS_BYTES_MAX - weight);
    // What was pushed out is planned again.
    expect(held.slice(0, 3).every((operation) => isPlanned(operation))).toBe(true);
  });

  it('are weighed for each set of conditions, and made once', () => {
    const operation = operationOf(bomb('One'));
    const all = Array.from({ length: 16 }, (_, bits) =>
      Object.fromEntries(CONDITIONS.map((name, bit) => [name, ((bits >> bit) & 1) === 1])),
    );
    for (const variables of all) isPlanned(operation, variables);
    const weight = plans.sizeBytes();
    expect(weight).toBeGreaterThan(16 * 800 * 400 * 0.6);
    for (const variables of all) isPlanned(operation, variables);
    expect(plans.sizeBytes()).toBe(weight);
  });

  it('are not made when they get too large', () => {
    const deep = (depth: number) =>
      `{ ${ROOTS} } fragment P on Prompt { version(number: 1) { render { ${'... { '.repeat(depth)} __typename ${'} '.repeat(depth)} } } }`;
    // A union has its fields planned for each type.
    expect(isPlanned(operationOf(deep(50)))).toBe(true);
    const weight = plans.sizeBytes();
    expect(isPlanned(operationOf(deep(150)))).toBe(false);
    expect(plans.sizeBytes() - weight).toBeLessThan(1_000);
  });

  it('weigh literals and names too, and have a literal once that fragments bring to many places', () => {
    const withLiteral = (length: number) =>
      `{ ${ROOTS} } fragment P on Prompt { version(number: 1) { render(variables: { x: [${'1,'.repeat(length)}] }) { __typename } } }`;
    isPlanned(operationOf(withLiteral(1)));
    const small = plans.sizeBytes();
    isPlanned(operationOf(withLiteral(1_000)));
    const large = plans.sizeBytes() - small;
    expect(large - small).toBeGreaterThan(1_000 * 8);
    expect(large - small).toBeLessThan(2 * 40_000);
    const name = 'x'.repeat(100_000);
    isPlanned(operationOf(`{ ${name}: prompt(slug: "a") { id } }`));
    expect(plans.sizeBytes() - small - large).toBeGreaterThan(name.length);
  });

  it('are taken from their operation when they are pushed out, those first that were not used for the longest', () => {
    const plan = { write: () => '', bytes: PLANS_BYTES_MAX / 4 };
    const owners = Array.from({ length: 4 }, (): PlansOfOperation => new Map());
    for (const owner of owners) {
      plans.keep(owner, 'key', plan);
      expect(plans.find(owners[0] ?? new Map(), 'key')).toBe(plan);
    }
    expect(owners.map(({ size }) => size)).toEqual([1, 0, 1, 1]);
  });
});
