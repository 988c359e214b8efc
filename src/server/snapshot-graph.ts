import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLSchema, OperationDefinitionNode } from 'graphql';
import type { AnswerCache, Ingredient } from '../delivery/answer-cache.ts';
import type { Snapshot } from '../delivery/snapshot.ts';
import type { Usage } from '../delivery/usage.ts';
import type { ServedVersion } from '../db/serving.ts';
import { accessKey } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import type { Documents } from './documents.ts';
import { graphqlMediaType } from './graphql-media-type.ts';
import type { GraphqlMediaType } from './graphql-media-type.ts';
import { hasMinCursor } from './min-cursor.ts';
import { operationOf, paramsOf } from './operation-params.ts';
import type { RequestParams } from './operation-params.ts';
import type { Operation, Operations } from './operations.ts';
import { GRAPHQL_PATH } from './paths.ts';
import { SnapshotOperation } from './snapshot-operation.ts';
import { MemoryReads } from './snapshot-reads.ts';

/** A body that is longer is not asked for twice. */
const KEYED_BYTES_MAX = 4_096;
/** An operation waits for so many rounds of loads before the database is asked as for any other. */
const ROUNDS_MAX = 24;

/** The answer to an operation, as bytes, with what it read. */
export interface GraphAnswer {
  readonly madeOf: readonly Ingredient[];
  readonly served: readonly ServedVersion[];
  readonly type: GraphqlMediaType;
  readonly body: Buffer;
}

export interface SnapshotGraphDeps {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly documents: Documents;
  readonly snapshot: Pick<Snapshot, 'find'>;
  readonly answers: AnswerCache<GraphAnswer>;
  readonly usage: Pick<Usage, 'fetched'>;
  readonly isStale: () => boolean;
}

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly actor: Actor;
  readonly body: Buffer;
}

/**
 * Answers operations from what this node holds of what channels serve: those whose fields are all marked so (`fromSnapshot`), whose versions
 * are all there and may be read. Everything else, refusals and faults as well, is Yoga's. What is answered here is answered there
 * byte for byte.
 */
export class SnapshotGraph {
  readonly #deps: SnapshotGraphDeps;
  readonly #plans = new WeakMap<OperationDefinitionNode, SnapshotOperation>();
  readonly #scopes = new WeakMap<Actor, string>();

  constructor(deps: SnapshotGraphDeps) {
    this.#deps = deps;
  }

  /** @returns whether it is answered */
  answer(exchange: Exchange): boolean | Promise<boolean> {
    const { req, actor, body } = exchange;
    const type = graphqlMediaType(req.headers.accept);
    // Whoever waits for a place in the log is Yoga's, which knows how.
    if (type === null || hasMinCursor(req)) return false;
    const key = this.#keyOf(req, type, actor, body);
    if (key === null) return false;
    const kept = this.#deps.answers.find(key);
    if (kept !== undefined) return this.#send(exchange, kept);
    return this.#make(exchange, type, key);
  }

  /** All that an answer depends on beside what is served. Null: nothing that is answered here. */
  #keyOf(req: IncomingMessage, type: GraphqlMediaType, actor: Actor, body: Buffer): string | null {
    const { method, url = '' } = req;
    if (method === 'GET') return `${this.#scopeOf(actor)}\n${type}\n${url}`;
    if (method !== 'POST' || url !== GRAPHQL_PATH) return null;
    if (body.length > KEYED_BYTES_MAX) return '';
    // With the media type of the request: the same bytes are something else as another. One character a byte: what is no UTF-8 is no other text.
    return `${this.#scopeOf(actor)}\n${type}\n${req.headers['content-type']}\n${body.toString('latin1')}`;
  }

  #scopeOf(actor: Actor): string {
    const known = this.#scopes.get(actor);
    if (known !== undefined) return known;
    const scope = accessKey(actor);
    this.#scopes.set(actor, scope);
    return scope;
  }

  #make(exchange: Exchange, type: GraphqlMediaType, fullKey: string): boolean | Promise<boolean> {
    const params = paramsOf(exchange.req, exchange.body);
    const operation = params && this.#operationOf(params);
    if (params === null || operation === null) return false;
    const { snapshot } = this.#deps;
    // A request that registers its document has to be looked at each time.
    const key = isRegistration(params) ? '' : fullKey;
    const reads = new MemoryReads(snapshot, exchange.actor);
    const text = this.#write(operation, reads);
    if (text !== null) return this.#finish(exchange, { text, reads, type, key });
    return reads.loading === null
      ? false
      : this.#makeLater(exchange, operation, { type, key, loading: reads.loading });
  }

  /** Loads what is not in memory and begins anew: whatever is answered was all in memory at one moment. */
  async #makeLater(
    exchange: Exchange,
    operation: Operation,
    { type, key, loading }: { type: GraphqlMediaType; key: string; loading: Promise<unknown> },
  ): Promise<boolean> {
    let next: Promise<unknown> | null = loading;
    for (let round = 0; round < ROUNDS_MAX && next !== null; round += 1) {
      // What cannot be loaded, the other way says.
      const isThere = await next.then(
        (served) => served !== null,
        () => false,
      );
      if (!isThere) return false;
      const reads = new MemoryReads(this.#deps.snapshot, exchange.actor);
      const text = this.#write(operation, reads);
      if (text !== null) return this.#finish(exchange, { text, reads, type, key });
      next = reads.loading;
    }
    return false;
  }

  #operationOf(params: RequestParams): Operation | null {
    if (params.hasMore || !isPlain(params.extensions)) return null;
    const wanted = operationOf(this.#deps.documents, params);
    const operation = wanted && this.#deps.operations.prepare(wanted);
    return operation === null || 'length' in operation ? null : operation;
  }

  #write(operation: Operation, reads: MemoryReads): string | null {
    const { document, definition, variables } = operation;
    const plan =
      this.#plans.get(definition) ?? new SnapshotOperation(this.#deps.schema, document, definition);
    this.#plans.set(definition, plan);
    try {
      const text = plan.write(reads, variables);
      return reads.isWhole() ? text : null;
    } catch {
      // Not in memory, or wrong: the other way finds out, and says so.
      return null;
    }
  }

  #finish(
    exchange: Exchange,
    made: {
      readonly text: string;
      readonly reads: MemoryReads;
      readonly type: GraphqlMediaType;
      readonly key: string;
    },
  ): true {
    const { text, reads, type, key } = made;
    const answer = { madeOf: reads.madeOf(), served: reads.read(), type, body: Buffer.from(text) };
    if (key !== '') this.#deps.answers.keep(key, answer);
    return this.#send(exchange, answer);
  }

  #send({ res, actor }: Exchange, { served, type, body }: GraphAnswer): true {
    const { usage, isStale } = this.#deps;
    const { workspaceId, id: actorId, kind: actorKind, name: actorName } = actor;
    for (const { promptId, version, channel } of served)
      usage.fetched({ workspaceId, promptId, version, channel, actorId, actorKind, actorName });
    res.writeHead(200, {
      'Content-Type': CONTENT_TYPES[type],
      'content-length': body.length,
      ...(isStale() ? { 'x-promptforge-stale': 'true' } : {}),
    });
    res.end(body);
    return true;
  }
}

const CONTENT_TYPES: Readonly<Record<GraphqlMediaType, string>> = {
  'application/json': 'application/json; charset=utf-8',
  'application/graphql-response+json': 'application/graphql-response+json; charset=utf-8',
};

function isRegistration({ query, extensions }: RequestParams): boolean {
  return Boolean(query) && extensions['persistedQuery'] !== undefined;
}

/** Of what an operation says beside itself, only the name of its document is known here. */
function isPlain(extensions: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(extensions).every((name) => name === 'persistedQuery');
}
