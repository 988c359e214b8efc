import type { Actor } from '../domain/actor.ts';
import { mayReadVersion, readsRegistry } from '../domain/actor-reading.ts';
import type { Served } from '../delivery/representation.ts';
import type { Selector, Snapshot } from '../delivery/snapshot.ts';
import { andThen } from './at-once.ts';
import type { Target } from './delivery-target.ts';
import { forbidden, notFound, ProblemError } from './problem.ts';

/** What is served there for the actor. @throws ProblemError 403, 404, at once or later; whatever the database fails with */
export function findServed(
  snapshot: Pick<Snapshot, 'find'>,
  actor: Actor,
  { slug, selector }: Target,
): Served | Promise<Served> {
  requireReadable(actor, selector);
  // What is not covered is not there, whether it exists or not.
  if (!mayReadVersion(actor, slug, selector)) return refuseMissing({ slug, selector });
  return andThen(
    snapshot.find(actor.workspaceId, slug, selector),
    (served) => served ?? refuseMissing({ slug, selector }),
  );
}

function refuseMissing({ slug, selector }: Target): never {
  const wanted =
    'channel' in selector
      ? `channel "${selector.channel}" serves no prompt "${slug}"`
      : `there is no version ${selector.number} of "${slug}"`;
  throw new ProblemError(notFound(wanted));
}

/** A number is no channel's: it may be a draft. @throws ProblemError */
function requireReadable(actor: Actor, selector: Selector): void {
  if ('channel' in selector || readsRegistry(actor)) return;
  throw new ProblemError(
    forbidden('versions by number need the scope "registry:read": this credential reads what channels serve'),
  );
}
