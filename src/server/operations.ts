import { getOperationAST, getVariableValues, GraphQLError } from 'graphql';
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { DocumentRules } from './document-rules.ts';
import { MESSAGE_SHOWN_MAX } from './mask-error.ts';
import { MAX_VALIDATION_ERRORS, parseWithLimits, QUERY_LIMITS } from './query-limits.ts';

/** Characters of document text whose parsed form is kept, and how many documents: what is made of a short one is not small. */
const CACHED_TEXT_MAX = 4 * 1024 * 1024;
const CACHED_MAX = 5_000;

/** What a client asks to be executed, as it stands in a body, a query string or a message. */
export interface OperationParams {
  readonly query: string;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** An operation that is well-formed, valid and within its limits. */
export interface Operation {
  readonly text: string;
  readonly document: DocumentNode;
  readonly definition: OperationDefinitionNode;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A document, and what is wrong with it. */
interface Parsed {
  /** As it came the first time: who asks for it for long holds one text with all others. */
  readonly text: string;
  /** Null: it is none. */
  readonly document: DocumentNode | null;
  readonly errors: readonly GraphQLError[];
}

/** Parses, limits and validates documents, whichever way they come; each once. */
export class Operations {
  readonly #schema: GraphQLSchema;
  readonly #rules: DocumentRules;
  readonly #errors = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  readonly #parsed = new LRUCache<string, Parsed>({
    max: CACHED_MAX,
    maxSize: CACHED_TEXT_MAX,
    sizeCalculation: (_parsed, text) => text.length + 1,
  });

  constructor(schema: GraphQLSchema, rules: DocumentRules) {
    this.#schema = schema;
    this.#rules = rules;
  }

  /** The operation, or what is wrong with it. */
  prepare({ query, operationName, variables }: OperationParams): Operation | readonly GraphQLError[] {
    const { text, document, errors } = this.parse(query);
    if (document === null || errors.length > 0) return errors;
    const definition = getOperationAST(document, operationName);
    if (!definition) {
      const message =
        operationName === null
          ? 'the document holds several operations or none: say which one by operationName'
          : `the document holds no operation ${JSON.stringify(operationName.slice(0, 60))}`;
      return [new GraphQLError(message, { extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } })];
    }
    const wrong = this.requestError(document, definition, variables);
    if (wrong !== null) return [wrong];
    return { text, document, definition, operationName, variables };
  }

  /** What is wrong with the variables' values; graphql says it as well, but only in the middle of the execution. */
  variableErrors({ definition, variables }: Operation): readonly GraphQLError[] {
    const { errors = [] } = getVariableValues(this.#schema, definition.variableDefinitions ?? [], variables, {
      maxErrors: MAX_VALIDATION_ERRORS,
      hideSuggestions: this.#rules.hideSuggestions,
    });
    return errors.map((error) => coded(error, 'INVALID_INPUT'));
  }

  /** What is wrong with a document that was parsed here. */
  errorsOf(document: DocumentNode): readonly GraphQLError[] {
    return this.#errors.get(document) ?? [];
  }

  /** What is wrong with one operation and its variables. */
  requestError(
    document: DocumentNode,
    definition: OperationDefinitionNode,
    variables: OperationParams['variables'],
  ): GraphQLError | null {
    return this.#rules.requestError(document, definition.name?.value, variables);
  }

  parse(query: string): Parsed {
    const known = this.#parsed.get(query);
    if (known !== undefined) return known;
    const parsed = this.#check(query);
    // What is refused for its length alone is not worth the room.
    if (query.length <= QUERY_LIMITS.length) this.#parsed.set(query, parsed);
    return parsed;
  }

  /** Of the documents whose parsed form is kept: their texts, a character a byte. What is made of them is bounded by their number. */
  sizeBytes(): number {
    return this.#parsed.calculatedSize;
  }

  #check(query: string): Parsed {
    try {
      const document = parseWithLimits(query);
      const errors = this.#rules.errors(document).map((error) => coded(error));
      this.#errors.set(document, errors);
      return { text: query, document, errors };
    } catch (error) {
      if (error instanceof GraphQLError) return { text: query, document: null, errors: [coded(error)] };
      throw error;
    }
  }
}

/** graphql's own errors have no code, and quote the offending value in full. */
function coded(error: GraphQLError, code = codeOf(error)): GraphQLError {
  if (error.extensions['code'] !== undefined) return error;
  return new GraphQLError(error.message.slice(0, MESSAGE_SHOWN_MAX), {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    extensions: { code },
  });
}

function codeOf({ message }: GraphQLError): string {
  return message.startsWith('Syntax Error') ? 'GRAPHQL_PARSE_FAILED' : 'GRAPHQL_VALIDATION_FAILED';
}
