import type { Actor } from '../domain/actor.ts';
import { andThen } from './at-once.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import { setHeaders, setOpening } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { cachingOf } from './graphql-caching.ts';
import { subscribeBySse } from './graphql-sse.ts';
import type { GraphqlSseDeps } from './graphql-sse.ts';
import type { GraphqlHandler } from './graphql.ts';
import type { SnapshotGraph } from './snapshot-graph.ts';

export interface GraphqlDoorDeps {
  readonly doorkeeper: Doorkeeper;
  readonly snapshotGraph: SnapshotGraph;
  readonly sse: GraphqlSseDeps;
  readonly graphql: GraphqlHandler;
}

interface Admitted {
  readonly actor: Actor;
  readonly body: Buffer;
}

/** An operation whose body was read: from memory at once, where it can be; else as a stream, where it is one; else by Yoga. */
export function answerGraphql(
  deps: GraphqlDoorDeps,
  exchange: Exchange,
  admitted: Admitted,
): void | Promise<void> {
  const answered = deps.snapshotGraph.answer(admitted.actor, exchange, admitted.body);
  return andThen(answered, (isAnswered) => (isAnswered ? undefined : execute(deps, exchange, admitted)));
}

async function execute(
  { sse, graphql, doorkeeper }: GraphqlDoorDeps,
  exchange: Exchange,
  { actor, body }: Admitted,
): Promise<void> {
  const { req, res, requestId } = exchange;
  setOpening(exchange);
  setHeaders(res, cachingOf(exchange));
  if (await subscribeBySse(sse, { req, res, actor, requestId, body })) return;
  await graphql(req, res, { actor: doorkeeper.withOrigin(actor, req, requestId), requestId, body });
}
