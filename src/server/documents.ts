import { createHash } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Operations } from './operations.ts';

/** Characters of the registered documents of a workspace, and of all: what is pushed out is registered again by its clients. */
const OF_WORKSPACE_MAX = 1024 * 1024;
const REGISTERED_MAX = 16 * 1024 * 1024;
/** Of a document and of a workspace, beside the texts. */
const OVERHEAD = 64;
/** What the specification of persisted documents writes before a hash. */
const SHA256_PREFIX = 'sha256:';

/** Of one workspace: texts by their hashes. */
type Registered = LRUCache<string, string>;

/** How an operation names its document: by its text, by an id, or, to register it, both. */
export interface NamedDocument {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
}

/**
 * Documents by their names, for every door: automatic persisted queries as Apollo's clients speak them, `documentId` of the GraphQL over
 * HTTP specification, and a manifest of trusted documents, beside which nothing is executed.
 */
export class Documents {
  readonly #operations: Pick<Operations, 'parse'>;
  /** By their ids; null: everybody may send what he likes. */
  readonly #trusted: ReadonlyMap<string, string> | null;
  readonly #trustedTexts: ReadonlySet<string>;
  /** To each workspace its own: none pushes out another's by what it registers, but when there are more of them than there is room. */
  readonly #registered = new LRUCache<string, Registered>({
    maxSize: REGISTERED_MAX,
    sizeCalculation: ({ calculatedSize }) => calculatedSize + OVERHEAD,
  });

  constructor(operations: Pick<Operations, 'parse'>, trusted: ReadonlyMap<string, string> | null) {
    this.#operations = operations;
    this.#trusted = trusted;
    this.#trustedTexts = new Set(trusted?.values());
  }

  /**
   * The text that is to be executed; undefined: the operation has none, or what it has is no text.
   * @throws GraphQLError when it is named and not known, named wrongly, or not trusted
   */
  textOf(workspaceId: string, named: NamedDocument): string | undefined {
    const text = typeof named.query === 'string' && named.query !== '' ? named.query : undefined;
    const id = documentIdOf(named);
    if (this.#trusted !== null) return this.#trustedText(this.#trusted, id, text);
    if (id === null) return text;
    if (text === undefined) return this.#known(workspaceId, id);
    return this.#register(workspaceId, id, text);
  }

  /** An answer was given that was made of the document before: it is not to be forgotten. */
  used(workspaceId: string, id: string): void {
    this.#registered.get(workspaceId)?.get(id);
  }

  /** Of the registered documents: their texts, a character a byte. */
  sizeBytes(): number {
    return this.#registered.calculatedSize;
  }

  #trustedText(
    trusted: ReadonlyMap<string, string>,
    id: string | null,
    text: string | undefined,
  ): string | undefined {
    if (id === null && text === undefined) return undefined;
    const known = id === null ? text : (trusted.get(id) ?? trusted.get(`${SHA256_PREFIX}${id}`));
    const isTrusted = known !== undefined && this.#trustedTexts.has(known);
    if (isTrusted && (text === undefined || text === known)) return known;
    throw refusal(
      'this server executes the documents of its manifest only, and this is none of them',
      'DOCUMENT_NOT_TRUSTED',
      { status: 403, spec: true },
    );
  }

  #known(workspaceId: string, id: string): string {
    const text = this.#registered.get(workspaceId)?.get(id);
    // The words and the status are Apollo's protocol: its clients then send the text with the hash.
    if (text === undefined)
      throw refusal('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND', { status: 200 });
    return text;
  }

  /** Only what is valid is kept: nobody can execute the rest. */
  #register(workspaceId: string, id: string, text: string): string {
    if (createHash('sha256').update(text).digest('hex') !== id) {
      throw refusal(
        'extensions.persistedQuery.sha256Hash is not the SHA-256 of "query", in lower-case hexadecimal',
        'PERSISTED_QUERY_MISMATCH',
        { status: 400, spec: true },
      );
    }
    const registered = this.#registered.get(workspaceId) ?? newRegistered();
    if (registered.get(id) !== undefined || this.#operations.parse(text).errors.length > 0) return text;
    registered.set(id, text);
    // Anew: only what was not there is weighed.
    this.#registered.delete(workspaceId);
    this.#registered.set(workspaceId, registered);
    return text;
  }
}

function newRegistered(): Registered {
  return new LRUCache({ maxSize: OF_WORKSPACE_MAX, sizeCalculation: (text) => text.length + OVERHEAD });
}

/** Null: it is not named by an id. @throws GraphQLError */
export function documentIdOf({ documentId, extensions }: NamedDocument): string | null {
  if (typeof documentId === 'string' && documentId !== '')
    return documentId.startsWith(SHA256_PREFIX) ? documentId.slice(SHA256_PREFIX.length) : documentId;
  const persisted: unknown = memberOf(extensions, 'persistedQuery');
  if (persisted === undefined || persisted === null) return null;
  const hash = memberOf(persisted, 'sha256Hash');
  if (memberOf(persisted, 'version') === 1 && typeof hash === 'string' && hash !== '') return hash;
  throw refusal(
    'extensions.persistedQuery must be {"version": 1, "sha256Hash": "<hash>"}',
    'PERSISTED_QUERY_NOT_SUPPORTED',
    { status: 400, spec: true },
  );
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function refusal(message: string, code: string, http: { status: number; spec?: boolean }): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http } });
}
