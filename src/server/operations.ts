import { getOperationAST, getVariableValues, GraphQLError } from 'graphql';
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { DocumentRules } from './document-rules.ts';
import { MESSAGE_SHOWN_MAX } from './mask-error.ts';
import { MAX_VALIDATION_ERRORS, parseWithLimits } from './query-limits.ts';

/** Characters of document text whose parsed form is kept. */
const CACHED_TEXT_MAX = 4 * 1024 * 1024;

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

interface Parsed {
  readonly document: DocumentNode | null;
  readonly errors: readonly GraphQLError[];
}

/** Parses and validates operations that do not go through Yoga, by the same limits; documents are parsed once. */
export class Operations {
  readonly #schema: GraphQLSchema;
  readonly #rules: DocumentRules;
  readonly #parsed = new LRUCache<string, Parsed>({
    maxSize: CACHED_TEXT_MAX,
    sizeCalculation: (_parsed, text) => text.length + 1,
  });

  constructor(schema: GraphQLSchema, rules: DocumentRules) {
    this.#schema = schema;
    this.#rules = rules;
  }

  /** The operation, or what is wrong with it. */
  prepare({ query, operationName, variables }: OperationParams): Operation | readonly GraphQLError[] {
    const { document, errors } = this.#parse(query);
    if (document === null) return errors;
    const definition = getOperationAST(document, operationName);
    if (!definition) {
      const message =
        operationName === null
          ? 'the document holds several operations or none: say which one by operationName'
          : `the document holds no operation ${JSON.stringify(operationName.slice(0, 60))}`;
      return [new GraphQLError(message, { extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } })];
    }
    const wrong = this.#rules.requestError(document, operationName, variables);
    if (wrong !== null) return [wrong];
    return { text: query, document, definition, operationName, variables };
  }

  /** What is wrong with the variables' values; graphql says it as well, but only in the middle of the execution. */
  variableErrors({ definition, variables }: Operation): readonly GraphQLError[] {
    const { errors = [] } = getVariableValues(this.#schema, definition.variableDefinitions ?? [], variables, {
      maxErrors: MAX_VALIDATION_ERRORS,
      hideSuggestions: this.#rules.hideSuggestions,
    });
    return errors.map((error) => coded(error, 'INVALID_INPUT'));
  }

  #parse(query: string): Parsed {
    const known = this.#parsed.get(query);
    if (known !== undefined) return known;
    const parsed = this.#check(query);
    this.#parsed.set(query, parsed);
    return parsed;
  }

  #check(query: string): Parsed {
    try {
      const document = parseWithLimits(query);
      const errors = this.#rules.errors(document);
      return errors.length > 0
        ? { document: null, errors: errors.map((error) => coded(error)) }
        : { document, errors };
    } catch (error) {
      if (error instanceof GraphQLError) return { document: null, errors: [coded(error)] };
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
