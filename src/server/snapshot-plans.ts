import { LRUCache } from 'lru-cache';
import type { Plan } from './snapshot-plan.ts';

/** Of all documents together. */
export const PLANS_BYTES_MAX = 32 * 1024 * 1024;
/** What keeping a plan takes beside it. */
const OVERHEAD_BYTES = 512;

/** Of one operation: each set of values of its conditions is a plan of its own. */
export type PlansOfOperation = Map<string, { readonly id: number; readonly plan: Plan }>;

/**
 * Which plans are kept, by their weight over all documents: fragments make a long plan of a short document. Operations own their plans, so
 * that a plan never outlives its document; what is pushed out is planned again.
 */
export class SnapshotPlans {
  readonly #kept = new LRUCache<
    number,
    { readonly owner: WeakRef<PlansOfOperation>; readonly key: string; readonly bytes: number }
  >({
    maxSize: PLANS_BYTES_MAX,
    sizeCalculation: ({ bytes }) => bytes + OVERHEAD_BYTES,
    dispose: ({ owner, key }) => owner.deref()?.delete(key),
  });
  #given = 0;

  find(plans: PlansOfOperation, key: string): Plan | undefined {
    const known = plans.get(key);
    if (known !== undefined) this.#kept.get(known.id);
    return known?.plan;
  }

  keep(plans: PlansOfOperation, key: string, plan: Plan): void {
    this.#given += 1;
    plans.set(key, { id: this.#given, plan });
    this.#kept.set(this.#given, { owner: new WeakRef(plans), key, bytes: plan.bytes });
  }

  sizeBytes(): number {
    return this.#kept.calculatedSize;
  }
}
