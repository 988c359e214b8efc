import { systemActor } from '../domain/actor.ts';
import { NotFound, Refusal, Unavailable } from '../domain/errors.ts';
import { decide, promote } from '../db/promote.ts';
import { loadPromotionFacts } from '../db/promotion-facts.ts';
import { expireRequest, getRequest, listExpired, listSoaked } from '../db/promotion-requests.ts';
import type { DuePage, DueRequest } from '../db/promotion-requests.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

/** Of candidates that are held at a time. */
const PAGE = 500;

interface Sweep {
  readonly list: (writer: ActionDeps['writer'], now: Date, page: DuePage) => Promise<DueRequest[]>;
  readonly close: (deps: ActionDeps, workspaceId: string, id: string) => Promise<boolean>;
}

const SWEEPS: readonly Sweep[] = [
  { list: listExpired, close: expireRequest },
  { list: listSoaked, close: applyRequest },
];

/**
 * What time does to requests, in all workspaces: those that nobody answered expire, and those that waited for their soak time alone are
 * applied, by PromptForge itself. Any node may, at any time: each is decided again under its locks. One that fails, or is refused, holds
 * up no other.
 * @returns how many were closed. @throws SweepIncomplete when all was tried and something failed.
 */
export async function sweepPromotionRequests(
  deps: ActionDeps,
  { page = PAGE }: { readonly page?: number } = {},
): Promise<number> {
  let closed = 0;
  const failures: unknown[] = [];
  for (const { list, close } of SWEEPS) {
    for await (const { workspaceId, id } of dueRequests(deps, list, page)) {
      try {
        if (await close(deps, workspaceId, id)) closed += 1;
      } catch (error) {
        // Deleted meanwhile, with its workspace.
        if (error instanceof NotFound) continue;
        failures.push(error);
        // A database that is away would fail each of them in turn, and slowly: then the round ends here.
        if (error instanceof Unavailable) await deps.writer.$queryRaw`SELECT 1`;
      }
    }
  }
  if (failures.length > 0) throw new SweepIncomplete(failures);
  return closed;
}

/** Told by whoever runs the rounds. */
class SweepIncomplete extends Error {
  constructor(failures: readonly unknown[]) {
    const [first] = failures;
    const reason = first instanceof Error ? first.message : String(first);
    super(`${failures.length} could not be closed, the first because: ${reason}`, { cause: first });
  }
}

/** All of them, a page at a time: what was refused is behind the round, not before the others. */
async function* dueRequests(
  { writer, clock }: ActionDeps,
  list: Sweep['list'],
  limit: number,
): AsyncGenerator<DueRequest> {
  const now = clock();
  for (let after: DueRequest | null = null; ;) {
    const found: DueRequest[] = await list(writer, now, { after, limit });
    yield* found;
    after = found.at(-1) ?? null;
    if (found.length < limit || after === null) return;
  }
}

async function applyRequest(deps: ActionDeps, workspaceId: string, requestId: string): Promise<boolean> {
  const actor = systemActor(workspaceId);
  try {
    return await inTransaction(deps, actor, async (tx) => {
      const now = deps.clock();
      const { slug, channel, version } = await getRequest(tx, workspaceId, requestId);
      const items = [{ slug, version }];
      const facts = await loadPromotionFacts(tx, workspaceId, channel, { items, now });
      const wish = { reason: null, now, newId: deps.newId };
      const isDue = facts.every(
        (fact) =>
          fact.policy.autoApply &&
          fact.policy.promoterRole === 'RELEASER' &&
          decide(actor, fact, wish).requestId === requestId,
      );
      if (!isDue) return { answer: false, events: [] };
      const { events } = await promote(tx, actor, facts, wish);
      return { answer: true, events };
    });
  } catch (error) {
    // Somebody was faster, or it is blocked again.
    if (error instanceof Refusal && error.code !== 'UNAVAILABLE') return false;
    throw error;
  }
}
