import { getOperationAST, GraphQLError, Kind, validate, visit } from 'graphql';
import type { DocumentNode, FieldNode, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import { conditionalRootErrors } from './conditional-root.ts';
import type { GraphqlSwitches } from './config.ts';
import { MESSAGE_SHOWN_MAX } from './mask-error.ts';
import { MAX_VALIDATION_ERRORS, queryLimitErrors } from './query-limits.ts';
import { rowBudgetError, variablesDepthError } from './row-budget.ts';
import { variableShapeError } from './variable-shape.ts';

/** What is wrong with a parsed document, the same over HTTP, WebSocket and event streams. */
export class DocumentRules {
  readonly hideSuggestions: boolean;
  readonly #schema: GraphQLSchema;
  readonly #introspection: boolean;
  /** Of operations in which no variable says how much is asked for. */
  readonly #budgets = new WeakMap<OperationDefinitionNode, GraphQLError | null>();

  constructor(schema: GraphQLSchema, { introspection, suggestions }: GraphqlSwitches) {
    this.#schema = schema;
    this.#introspection = introspection;
    this.hideSuggestions = !suggestions;
  }

  /** In the order of what they cost: a document that is over its limits never meets graphql's own rules. */
  errors(document: DocumentNode): readonly GraphQLError[] {
    const limits = queryLimitErrors(document);
    if (limits.length > 0) return limits;
    const introspection = this.#introspection ? [] : introspectionErrors(document);
    if (introspection.length > 0) return introspection;
    const conditional = conditionalRootErrors(this.#schema, document);
    if (conditional.length > 0) return conditional;
    return validate(this.#schema, document, undefined, {
      maxErrors: MAX_VALIDATION_ERRORS,
      hideSuggestions: this.hideSuggestions,
    }).map(shortened);
  }

  /** What is wrong with one operation of it and its variables, before it is executed; the values of scalars are left to graphql. */
  requestError(
    document: DocumentNode,
    operationName: string | null | undefined,
    variables: Readonly<Record<string, unknown>>,
  ): GraphQLError | null {
    return (
      // First: of what has not the shape of its type nothing is looked through.
      variableShapeError(this.#schema, document, operationName, variables) ??
      variablesDepthError(variables) ??
      this.#budgetError(document, operationName, variables)
    );
  }

  #budgetError(
    document: DocumentNode,
    operationName: string | null | undefined,
    variables: Readonly<Record<string, unknown>>,
  ): GraphQLError | null {
    const operation = getOperationAST(document, operationName);
    const known = operation ? this.#budgets.get(operation) : null;
    if (known !== undefined) return known;
    let isConstant = true;
    const error = rowBudgetError(document, operationName, variables, () => {
      isConstant = false;
    });
    if (operation && isConstant) this.#budgets.set(operation, error);
    return error;
  }
}

/** graphql quotes a wrong literal in full, however long it is. */
function shortened(error: GraphQLError): GraphQLError {
  const { message, nodes, extensions } = error;
  if (message.length <= MESSAGE_SHOWN_MAX) return error;
  return new GraphQLError(message.slice(0, MESSAGE_SHOWN_MAX), { nodes: nodes ?? null, extensions });
}

/** graphql 16 suggests names in what is wrong with variables, whatever it is told. */
const SUGGESTION = / Did you mean [^]*$/;

/** The error as it is told where suggestions are off. What resolvers refuse is in our own words, and stays. */
export function withoutSuggestion(error: GraphQLError): GraphQLError {
  const { message, nodes, extensions, originalError } = error;
  if ((originalError && !(originalError instanceof GraphQLError)) || !SUGGESTION.test(message)) return error;
  return new GraphQLError(message.replace(SUGGESTION, ''), { nodes: nodes ?? null, extensions });
}

/** Wherever they stand, unused fragments included. `__typename` tells nothing but what the answer tells anyway. */
function introspectionErrors(document: DocumentNode): readonly GraphQLError[] {
  const found: FieldNode[] = [];
  visit(document, {
    [Kind.FIELD]: (field) => {
      if (field.name.value === '__schema' || field.name.value === '__type') found.push(field);
    },
  });
  if (found.length === 0) return [];
  return [
    new GraphQLError('introspection is switched off here: the schema stands in schema.graphql', {
      nodes: found.slice(0, MAX_VALIDATION_ERRORS),
      extensions: { code: 'INTROSPECTION_DISABLED' },
    }),
  ];
}
