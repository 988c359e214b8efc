import { getVariableValues, OperationTypeNode } from 'graphql';
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import { NotInSnapshot } from '../schema/from-snapshot.ts';
import type { SnapshotReads } from '../schema/from-snapshot.ts';
import { conditionsOf, fragmentsOf } from './collected-fields.ts';
import type { Variables } from './collected-fields.ts';
import { planObject } from './snapshot-plan.ts';
import type { Planning, Write } from './snapshot-plan.ts';

/** Of one operation: each set of values of its conditions is a plan of its own. */
const PLANS_MAX = 16;

/** An operation as the node's memory answers it, if it can. Valid, and within its limits. */
export class SnapshotOperation {
  readonly #schema: GraphQLSchema;
  readonly #definition: OperationDefinitionNode;
  readonly #fragments: Planning['fragments'];
  readonly #conditions: readonly string[];
  /** Null: it holds a field that is not marked. */
  readonly #plans = new Map<string, Write | null>();

  constructor(schema: GraphQLSchema, document: DocumentNode, definition: OperationDefinitionNode) {
    this.#schema = schema;
    this.#definition = definition;
    this.#fragments = fragmentsOf(document);
    this.#conditions = conditionsOf(definition, this.#fragments);
  }

  /** The answer as JSON; null: the database is to answer. @throws NotInSnapshot; whatever a mark throws */
  write(reads: SnapshotReads, values: Variables): string | null {
    if (this.#definition.operation !== OperationTypeNode.QUERY) return null;
    const variables = this.#coerced(values);
    const write = this.#planFor(variables);
    return write && `{"data":${write(null, { reads, variables })}}`;
  }

  /** @throws NotInSnapshot: graphql says what is wrong with them */
  #coerced(values: Variables): Variables {
    const { variableDefinitions = [] } = this.#definition;
    if (variableDefinitions.length === 0) return values;
    const { coerced } = getVariableValues(this.#schema, variableDefinitions, values, { maxErrors: 1 });
    if (coerced === undefined) throw new NotInSnapshot();
    return coerced;
  }

  #planFor(variables: Variables): Write | null {
    const key = this.#conditions.map((name) => String(variables[name])).join();
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const plan = this.#plan(variables);
    if (this.#plans.size < PLANS_MAX) this.#plans.set(key, plan);
    return plan;
  }

  #plan(variables: Variables): Write | null {
    const type = this.#schema.getQueryType();
    if (!type) return null;
    const planning = { schema: this.#schema, fragments: this.#fragments, variables };
    try {
      return planObject(planning, type, [this.#definition.selectionSet]);
    } catch (error) {
      if (error instanceof NotInSnapshot) return null;
      throw error;
    }
  }
}
