import { getVariableValues } from 'graphql';
import type { ServedVersion } from '../db/serving.ts';
import type { MoveFrame } from '../realtime/frames.ts';
import { NotInSnapshot } from '../schema/from-snapshot.ts';
import type { PromotedInMemory, SnapshotReads } from '../schema/from-snapshot.ts';
import { conditionsOf, fragmentsOf } from './collected-fields.ts';
import type { Variables } from './collected-fields.ts';
import type { Operation } from './operations.ts';
import { planFrames } from './snapshot-plan.ts';
import type { SnapshotOperationDeps } from './snapshot-operation.ts';
import type { Plan } from './snapshot-plan.ts';
import type { PlansOfOperation } from './snapshot-plans.ts';

/** What a frame does not hold is not looked up: the database answers then. */
const NO_READS: SnapshotReads = {
  prompt: () => {
    throw new NotInSnapshot();
  },
  version: () => {
    throw new NotInSnapshot();
  },
};

/** A subscription whose frames are written from memory, where all that is selected of a promotion is marked. */
export class FramePlan {
  readonly #deps: SnapshotOperationDeps;
  readonly #operation: Operation;
  readonly #plans: PlansOfOperation = new Map();
  #variables: Variables | null = null;

  constructor(deps: SnapshotOperationDeps, operation: Operation) {
    this.#deps = deps;
    this.#operation = operation;
  }

  /** Whether a promotion needs nothing but its version. */
  get isOfMarked(): boolean {
    return this.#plan().write !== null;
  }

  /** The frame as JSON; null: it is to be executed. */
  write(frame: MoveFrame, served: ServedVersion): string | null {
    const promoted: PromotedInMemory = { frame, served };
    try {
      const text = this.#plan().write?.(promoted, { reads: NO_READS, variables: this.#coerced() });
      return text === undefined ? null : `{"data":${text}}`;
    } catch {
      // Not in memory, or wrong: the other way finds out, and says so.
      return null;
    }
  }

  #plan(): Plan {
    const { plans, schema } = this.#deps;
    const known = plans.find(this.#plans, '');
    if (known !== undefined) return known;
    const { document, definition } = this.#operation;
    const fragments = fragmentsOf(document);
    const conditions = conditionsOf(definition, fragments);
    const all = this.#coerced();
    const variables = Object.fromEntries(conditions.map((name) => [name, all[name]]));
    const plan = planFrames(definition, 'VersionPromoted', { schema, fragments, variables });
    plans.keep(this.#plans, '', plan);
    return plan;
  }

  #coerced(): Variables {
    if (this.#variables !== null) return this.#variables;
    const { definition, variables } = this.#operation;
    const { coerced } = getVariableValues(
      this.#deps.schema,
      definition.variableDefinitions ?? [],
      variables,
      { maxErrors: 1 },
    );
    this.#variables = coerced ?? {};
    return this.#variables;
  }
}
