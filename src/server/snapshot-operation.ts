import { getVariableValues, Kind, OperationTypeNode } from 'graphql';
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode, VariableDefinitionNode } from 'graphql';
import { NotInSnapshot } from '../schema/from-snapshot.ts';
import type { SnapshotReads } from '../schema/from-snapshot.ts';
import { conditionsOf, fragmentsOf } from './collected-fields.ts';
import type { Variables } from './collected-fields.ts';
import { planOperation } from './snapshot-plan.ts';
import type { Plan, Planning } from './snapshot-plan.ts';
import type { PlansOfOperation, SnapshotPlans } from './snapshot-plans.ts';

export interface SnapshotOperationDeps {
  readonly schema: GraphQLSchema;
  readonly plans: SnapshotPlans;
}

/** An operation as the node's memory answers it, if it can. Valid, and within its limits. */
export class SnapshotOperation {
  readonly #deps: SnapshotOperationDeps;
  readonly #definition: OperationDefinitionNode;
  readonly #fragments: Planning['fragments'];
  readonly #conditions: readonly string[];
  /** The names of the variables, if all of them are texts: those stay what they are. */
  readonly #texts: readonly string[] | null;
  readonly #plans: PlansOfOperation = new Map();

  constructor(deps: SnapshotOperationDeps, document: DocumentNode, definition: OperationDefinitionNode) {
    this.#deps = deps;
    this.#definition = definition;
    this.#fragments = fragmentsOf(document);
    this.#conditions = conditionsOf(definition, this.#fragments);
    this.#texts = textsOf(definition);
  }

  /** The answer as JSON; null: the database is to answer. @throws NotInSnapshot; whatever a mark throws */
  write(reads: SnapshotReads, values: Variables): string | null {
    if (this.#definition.operation !== OperationTypeNode.QUERY) return null;
    const variables = this.#coerced(values);
    const { write } = this.#planFor(variables);
    return write && `{"data":${write(null, { reads, variables })}}`;
  }

  /** @throws NotInSnapshot: graphql says what is wrong with them */
  #coerced(values: Variables): Variables {
    const { variableDefinitions = [] } = this.#definition;
    if (this.#texts?.every((name) => typeof values[name] === 'string') === true)
      return Object.fromEntries(this.#texts.map((name) => [name, values[name]]));
    const { coerced } = getVariableValues(this.#deps.schema, variableDefinitions, values, { maxErrors: 1 });
    if (coerced === undefined) throw new NotInSnapshot();
    return coerced;
  }

  #planFor(variables: Variables): Plan {
    const { plans } = this.#deps;
    const key = this.#conditions.map((name) => String(variables[name])).join();
    const known = plans.find(this.#plans, key);
    if (known !== undefined) return known;
    const plan = this.#plan(variables);
    plans.keep(this.#plans, key, plan);
    return plan;
  }

  #plan(variables: Variables): Plan {
    return planOperation(this.#definition, {
      schema: this.#deps.schema,
      fragments: this.#fragments,
      // No others: a plan is kept, and must not keep what a client sent with its first request.
      variables: Object.fromEntries(this.#conditions.map((name) => [name, variables[name]])),
    });
  }
}

function textsOf({ variableDefinitions = [] }: OperationDefinitionNode): readonly string[] | null {
  const isText = ({ type }: VariableDefinitionNode) => {
    const bare = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
    return bare.kind === Kind.NAMED_TYPE && bare.name.value === 'String';
  };
  return variableDefinitions.every(isText)
    ? variableDefinitions.map(({ variable }) => variable.name.value)
    : null;
}
