import type { GraphQLSchema, OperationDefinitionNode } from 'graphql';
import type { Answer, AnswerCache } from '../delivery/answer-cache.ts';
import type { Snapshot } from '../delivery/snapshot.ts';
import type { Usage } from '../delivery/usage.ts';
import type { Actor } from '../domain/actor.ts';
import { countGiven } from './count-given.ts';
import { documentIdOf } from './documents.ts';
import type { Documents } from './documents.ts';
import type { Exchange } from './exchange.ts';
import { cachingOf } from './graphql-caching.ts';
import { graphqlMediaType } from './graphql-media-type.ts';
import type { GraphqlMediaType } from './graphql-media-type.ts';
import { headOf } from './head.ts';
import type { Head } from './head.ts';
import { hasMinCursor } from './min-cursor.ts';
import { operationOf, paramsOf } from './operation-params.ts';
import type { RequestParams } from './operation-params.ts';
import type { Operation, Operations } from './operations.ts';
import { GRAPHQL_PATH } from './paths.ts';
import { sendAnswer } from './send-answer.ts';
import { SnapshotOperation } from './snapshot-operation.ts';
import type { SnapshotOperationDeps } from './snapshot-operation.ts';
import type { SnapshotPlans } from './snapshot-plans.ts';
import { MemoryReads } from './snapshot-reads.ts';
import { standingOf } from './standing.ts';

/** A body that is longer is not asked for twice. */
const KEYED_BYTES_MAX = 4_096;
/** In the place of a body's media type: no header is that. */
const NO_BODY = '\0';
/** An operation waits for so many rounds of loads before the database is asked as for any other. */
const ROUNDS_MAX = 24;

/** The answer to an operation, as bytes. */
export interface GraphAnswer extends Answer {
  readonly head: Head;
  /** Of the document that was asked for by its name. */
  readonly documentId: string | null;
}

export interface SnapshotGraphDeps {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly documents: Documents;
  readonly snapshot: Pick<Snapshot, 'find'>;
  readonly answers: AnswerCache<GraphAnswer>;
  readonly plans: SnapshotPlans;
  readonly usage: Pick<Usage, 'fetched'>;
  readonly isStale: () => boolean;
}

/** An operation that came in. */
interface Asked {
  readonly exchange: Exchange;
  readonly actor: Actor;
  readonly body: Buffer;
}

/** How an operation is to be answered and kept. */
interface How {
  readonly type: GraphqlMediaType;
  readonly documentId: string | null;
  /** Empty: not to be kept. */
  readonly key: string;
}

/**
 * Answers operations from what this node holds of what channels serve: those whose fields are all marked so (`fromSnapshot`), whose versions
 * are all there and may be read. Everything else, refusals and faults as well, is Yoga's. What is answered here is answered there
 * byte for byte.
 */
export class SnapshotGraph {
  readonly #deps: SnapshotGraphDeps;
  readonly #planned = new WeakMap<OperationDefinitionNode, SnapshotOperation>();
  readonly #planning: SnapshotOperationDeps;

  constructor(deps: SnapshotGraphDeps) {
    this.#deps = deps;
    this.#planning = { schema: deps.schema, plans: deps.plans };
  }
  /** @returns whether it is answered */
  answer(actor: Actor, exchange: Exchange, body: Buffer): boolean | Promise<boolean> {
    const { req } = exchange;
    const type = graphqlMediaType(req.headers.accept);
    // Whoever waits for a place in the log is Yoga's, which knows how.
    if (type === null || hasMinCursor(req)) return false;
    const asked = { exchange, actor, body };
    const key = this.#keyOf(asked, type);
    if (key === null) return false;
    const kept = this.#deps.answers.find(key);
    if (kept !== undefined) return this.#sendKept(asked, kept);
    return this.#make(asked, type, key);
  }

  /** All that an answer depends on beside what is served. Null: nothing that is answered here. */
  #keyOf({ exchange: { req, said }, actor, body }: Asked, type: GraphqlMediaType): string | null {
    const { method, url = '', headers } = req;
    const { accessId } = standingOf(actor);
    if (method === 'GET') return said.key(accessId, type, NO_BODY, url);
    if (method !== 'POST' || url !== GRAPHQL_PATH) return null;
    if (body.length > KEYED_BYTES_MAX) return '';
    // With the media type of the request: the same bytes are something else as another. One character a byte: what is no UTF-8 is no other text.
    return said.key(accessId, type, headers['content-type'] ?? '', body.toString('latin1'));
  }

  #make(asked: Asked, type: GraphqlMediaType, fullKey: string): boolean | Promise<boolean> {
    const params = paramsOf(asked.exchange.req, asked.body);
    const operation = params && this.#operationOf(asked.actor, params);
    if (params === null || operation === null) return false;
    const { snapshot } = this.#deps;
    // A request that registers its document has to be looked at each time.
    const documentId = documentIdOf(params);
    const how = { type, documentId, key: documentId !== null && params.query ? '' : fullKey };
    const reads = new MemoryReads(snapshot, asked.actor);
    const text = this.#write(operation, reads);
    if (text !== null) return this.#finish(asked, { text, reads, ...how });
    return reads.loading === null ? false : this.#makeLater(asked, operation, how, reads.loading);
  }

  /** Loads what is not in memory and begins anew: whatever is answered was all in memory at one moment. */
  async #makeLater(
    asked: Asked,
    operation: Operation,
    how: How,
    loading: Promise<unknown>,
  ): Promise<boolean> {
    let next: Promise<unknown> | null = loading;
    for (let round = 0; round < ROUNDS_MAX && next !== null; round += 1) {
      // What cannot be loaded, the other way says.
      const isThere = await next.then(
        (served) => served !== null,
        () => false,
      );
      if (!isThere) return false;
      const reads = new MemoryReads(this.#deps.snapshot, asked.actor);
      const text = this.#write(operation, reads);
      if (text !== null) return this.#finish(asked, { text, reads, ...how });
      next = reads.loading;
    }
    return false;
  }

  #operationOf({ workspaceId }: Actor, params: RequestParams): Operation | null {
    if (params.hasMore || !isPlain(params.extensions)) return null;
    const wanted = operationOf(this.#deps.documents, workspaceId, params);
    const operation = wanted && this.#deps.operations.prepare(wanted);
    return operation === null || 'length' in operation ? null : operation;
  }

  #write(operation: Operation, reads: MemoryReads): string | null {
    const { document, definition, variables } = operation;
    const planned =
      this.#planned.get(definition) ?? new SnapshotOperation(this.#planning, document, definition);
    this.#planned.set(definition, planned);
    try {
      const text = planned.write(reads, variables);
      return reads.isWhole() ? text : null;
    } catch {
      // Not in memory, or wrong: the other way finds out, and says so.
      return null;
    }
  }

  #finish(
    asked: Asked,
    { text, reads, type, key, documentId }: How & { readonly text: string; readonly reads: MemoryReads },
  ): true {
    const body = Buffer.from(text);
    const head = headOf(200, [
      ...cachingOf(asked.exchange),
      'Content-Type',
      CONTENT_TYPES[type],
      'content-length',
      String(body.length),
    ]);
    const answer = { madeOf: reads.madeOf(), head, body, documentId };
    if (key !== '') this.#deps.answers.keep(key, answer);
    return this.#send(asked, answer);
  }

  #sendKept(asked: Asked, kept: GraphAnswer): true {
    if (kept.documentId !== null) this.#deps.documents.used(asked.actor.workspaceId, kept.documentId);
    return this.#send(asked, kept);
  }

  #send({ exchange, actor }: Asked, answer: GraphAnswer): true {
    const { usage, isStale } = this.#deps;
    countGiven(usage, actor, answer.madeOf);
    sendAnswer(exchange, answer, { isStale: isStale() });
    return true;
  }
}

const CONTENT_TYPES: Readonly<Record<GraphqlMediaType, string>> = {
  'application/json': 'application/json; charset=utf-8',
  'application/graphql-response+json': 'application/graphql-response+json; charset=utf-8',
};

/** Of what an operation says beside itself, only the name of its document is known here. */
function isPlain(extensions: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(extensions).every((name) => name === 'persistedQuery');
}
