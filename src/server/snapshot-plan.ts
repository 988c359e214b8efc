import {
  getArgumentValues,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  visit,
} from 'graphql';
import type {
  FieldNode,
  GraphQLField,
  GraphQLLeafType,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLUnionType,
  GraphQLInterfaceType,
  OperationDefinitionNode,
  SelectionSetNode,
} from 'graphql';
import { NotInSnapshot, snapshotReadOf } from '../schema/from-snapshot.ts';
import type { SnapshotRead, SnapshotReads } from '../schema/from-snapshot.ts';
import { collectFields } from './collected-fields.ts';
import type { Collecting, Variables } from './collected-fields.ts';

// An operation whose fields are all marked, made into functions that write its answer as JSON text. What graphql would answer with an
// error or a null in the wrong place is thrown: then the database answers, and graphql says what is wrong. No code is made from what
// clients send, as graphql-jit makes it.

interface Run {
  readonly reads: SnapshotReads;
  /** Coerced. */
  readonly variables: Variables;
}

/** Writes a value as JSON. @throws NotInSnapshot; whatever a mark throws */
type Write = (value: unknown, run: Run) => string;

/** An operation as it is written. */
export interface Plan {
  /** Null: the operation is not answered from memory. */
  readonly write: Write | null;
  /** About what it takes of memory. */
  readonly bytes: number;
}

export type Planning = Omit<Collecting, 'spend'>;

interface Costed extends Collecting {
  /** @throws NotInSnapshot when the plan gets too large */
  readonly spend: (bytes?: number) => void;
  /** By the definition of the field: fragments bring the same literals to many places. */
  readonly arguments: Map<FieldNode, Map<GraphQLField<unknown, unknown>, FieldPlan['argsOf']>>;
}

interface FieldPlan {
  /** With its quotes and its colon. */
  readonly key: string;
  readonly read: SnapshotRead<unknown, object>;
  readonly argsOf: (run: Run) => object;
  readonly write: Write;
  readonly isLeaf: boolean;
}

/** As measured: what is made of a field. */
const FIELD_BYTES = 400;
/** What is made of a literal is not larger than so many times its text, nor than all that the tokens of a document can say. */
const BYTES_OF_CHARACTER = 20;
const LITERAL_BYTES_MAX = 40_000;
/** Some 2,000 fields, more than a document may expand to unless it asks them of many types. The database answers what is larger. */
const PLAN_BYTES_MAX = 2_000 * FIELD_BYTES;

export function planOperation({ selectionSet }: OperationDefinitionNode, planning: Planning): Plan {
  return planBounded(planning, (costed) => {
    const type = planning.schema.getQueryType();
    return type ? planObject(costed, type, [selectionSet]) : null;
  });
}

/** The frames of one type that a subscription answers with, from what its one root field would resolve to. */
export function planFrames(
  { selectionSet }: OperationDefinitionNode,
  typeName: string,
  planning: Planning,
): Plan {
  return planBounded(planning, (costed) => {
    const root = planning.schema.getSubscriptionType();
    const type = planning.schema.getType(typeName);
    if (!root || !isObjectType(type)) return null;
    const [field] = collectFields(costed, root, [selectionSet]);
    if (field === undefined) return null;
    const [responseKey, nodes] = field;
    const key = `${JSON.stringify(responseKey)}:`;
    const sets = nodes.flatMap((node) => node.selectionSet ?? []);
    return writeWrapped(key, planObject(costed, type, sets));
  });
}

/** By itself, as writeObject. */
function writeWrapped(key: string, write: Write): Write {
  return (value, run) => `{${key}${write(value, run)}}`;
}

function planBounded(planning: Planning, plan: (costed: Costed) => Write | null): Plan {
  let bytes = 0;
  const spend = (more = FIELD_BYTES): void => {
    bytes += more;
    if (bytes > PLAN_BYTES_MAX) throw new NotInSnapshot();
  };
  try {
    return { write: plan({ ...planning, spend, arguments: new Map() }), bytes };
  } catch (error) {
    if (error instanceof NotInSnapshot) return { write: null, bytes: 0 };
    throw error;
  }
}

/** @throws NotInSnapshot for a field that is not marked, and when the plan gets too large */
function planObject(planning: Costed, type: GraphQLObjectType, sets: readonly SelectionSetNode[]): Write {
  const plans = [...collectFields(planning, type, sets)].map(([key, nodes]) =>
    planField(planning, type, key, nodes),
  );
  return writeObject(plans);
}

/** By itself: a function keeps whatever any function beside it uses. */
function writeObject(plans: readonly FieldPlan[]): Write {
  // What is known of a prompt is known from its versions: objects before leaves.
  const order = [...plans.keys()].toSorted(
    (a, b) => Number(plans[a]?.isLeaf) - Number(plans[b]?.isLeaf) || a - b,
  );
  return (value, run) => {
    const texts: string[] = [];
    for (const index of order) {
      const plan = plans[index];
      if (plan === undefined) continue;
      texts[index] = plan.key + plan.write(plan.read(value, plan.argsOf(run), run.reads), run);
    }
    return `{${texts.join(',')}}`;
  };
}

function planField(
  planning: Costed,
  type: GraphQLObjectType,
  responseKey: string,
  nodes: readonly FieldNode[],
): FieldPlan {
  const [node] = nodes;
  const key = `${JSON.stringify(responseKey)}:`;
  planning.spend(key.length);
  if (node?.name.value === '__typename') {
    const text = JSON.stringify(type.name);
    return { key, read: () => null, argsOf: () => NO_ARGUMENTS, write: () => text, isLeaf: true };
  }
  const field = node && type.getFields()[node.name.value];
  const read = field && snapshotReadOf(field);
  if (node === undefined || field === undefined || read === undefined) throw new NotInSnapshot();
  const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  return {
    key,
    read,
    argsOf: argumentsOf(planning, field, node),
    write: planValue(planning, field.type, sets),
    isLeaf: sets.length === 0,
  };
}

const NO_ARGUMENTS = {};

/** Planned once, wherever fragments bring the field to. */
function argumentsOf(
  planning: Costed,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): FieldPlan['argsOf'] {
  if (field.args.length === 0) return () => NO_ARGUMENTS;
  const ofNode: ReturnType<Costed['arguments']['get']> = planning.arguments.get(node) ?? new Map();
  planning.arguments.set(node, ofNode);
  const known = ofNode.get(field);
  if (known !== undefined) return known;
  const { arguments: args = [] } = node;
  const length = (args.at(-1)?.loc?.end ?? 0) - (args[0]?.loc?.start ?? 0);
  planning.spend(FIELD_BYTES + Math.min(length * BYTES_OF_CHARACTER, LITERAL_BYTES_MAX));
  const argsOf = planArguments(field, node);
  ofNode.set(field, argsOf);
  return argsOf;
}

/** Coerced once where no variable stands in them. */
function planArguments(field: GraphQLField<unknown, unknown>, node: FieldNode): FieldPlan['argsOf'] {
  if (namesVariable(node)) return ({ variables }) => getArgumentValues(field, node, variables);
  const constant = getArgumentValues(field, node);
  return () => constant;
}

function namesVariable({ arguments: args = [] }: FieldNode): boolean {
  let found = false;
  for (const argument of args) {
    visit(argument, {
      [Kind.VARIABLE]: () => {
        found = true;
      },
    });
  }
  return found;
}

function planValue(planning: Costed, type: GraphQLOutputType, sets: readonly SelectionSetNode[]): Write {
  if (isNonNullType(type)) {
    const write = planPresent(planning, type.ofType, sets);
    return (value, run) => {
      if (value === null || value === undefined) throw new NotInSnapshot();
      return write(value, run);
    };
  }
  const write = planPresent(planning, type, sets);
  return (value, run) => (value === null || value === undefined ? 'null' : write(value, run));
}

function planPresent(planning: Costed, type: GraphQLOutputType, sets: readonly SelectionSetNode[]): Write {
  if (isLeafType(type)) return writeLeaf(type);
  if (isObjectType(type)) return planObject(planning, type, sets);
  if (isListType(type)) return planList(planValue(planning, type.ofType, sets));
  if (isAbstractType(type)) return planAbstract(planning, type, sets);
  throw new NotInSnapshot();
}

function writeLeaf(type: GraphQLLeafType): Write {
  return (value) => JSON.stringify(type.serialize(value));
}

function planList(writeItem: Write): Write {
  return (value, run) => `[${(value as readonly unknown[]).map((item) => writeItem(item, run)).join(',')}]`;
}

function planAbstract(
  planning: Costed,
  type: GraphQLUnionType | GraphQLInterfaceType,
  sets: readonly SelectionSetNode[],
): Write {
  const writers = new Map(
    planning.schema
      .getPossibleTypes(type)
      .map((possible) => [possible.name, planObject(planning, possible, sets)]),
  );
  return writeAbstract(type, writers);
}

function writeAbstract(
  type: GraphQLUnionType | GraphQLInterfaceType,
  writers: ReadonlyMap<string, Write>,
): Write {
  return (value, run) => {
    // Marks answer with what tells its type by itself: neither a context nor the place in the document is looked at.
    const name: unknown = type.resolveType?.(value, undefined, undefined as never, type);
    const write = typeof name === 'string' ? writers.get(name) : undefined;
    if (write === undefined) throw new NotInSnapshot();
    return write(value, run);
  };
}
