import {
  getNullableType,
  getOperationAST,
  GraphQLError,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  typeFromAST,
} from 'graphql';
import type { DocumentNode, GraphQLInputType, GraphQLSchema } from 'graphql';

/** The one scalar whose values may be lists and objects. */
const JSON_SCALAR = 'JSON';
const NAME_SHOWN_MAX = 100;

interface Fault {
  readonly path: readonly (string | number)[];
  readonly says: string;
}

/**
 * The first place where the variables have not the shape of their types. graphql finds it as well, and then writes down the whole value once
 * for each fault: 5,000 unknown fields took 100 ms, and a body may have a hundred times as many.
 */
export function variableShapeError(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | null {
  for (const definition of getOperationAST(document, operationName)?.variableDefinitions ?? []) {
    const name = definition.variable.name.value;
    const type = typeFromAST(schema, definition.type);
    if (!Object.hasOwn(variables, name) || !isInputType(type)) continue;
    const fault = faultOf(variables[name], type, []);
    if (fault === null) continue;
    const where =
      fault.path.length === 0 ? '' : ` at "${[name, ...fault.path].join('.').slice(0, NAME_SHOWN_MAX)}"`;
    const message = `Variable "$${name}" got invalid value${where}; ${fault.says}`;
    return new GraphQLError(message, { nodes: [definition], extensions: { code: 'INVALID_INPUT' } });
  }
  return null;
}

function faultOf(value: unknown, type: GraphQLInputType, path: Fault['path']): Fault | null {
  // What must not be null is graphql's to say: there is nothing to write down.
  if (value === null || value === undefined) return null;
  const bare = isNonNullType(type) ? getNullableType(type) : type;
  if (isListType(bare)) {
    // graphql takes a single value for a list of one.
    if (!Array.isArray(value)) return faultOf(value, bare.ofType, path);
    return first(value, (item, index) => faultOf(item, bare.ofType, [...path, index]));
  }
  if (!isInputObjectType(bare)) {
    const isRight = typeof value !== 'object' || bare.name === JSON_SCALAR;
    return isRight ? null : { path, says: `${bare.name} is neither a list nor an object.` };
  }
  if (typeof value !== 'object' || Array.isArray(value))
    return { path, says: `Expected type "${bare.name}" to be an object.` };
  const fields = bare.getFields();
  const values: Readonly<Record<string, unknown>> = value as Record<string, unknown>;
  return first(Object.keys(values), (name) => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field !== undefined) return faultOf(values[name], field.type, [...path, name]);
    const shown = name.slice(0, NAME_SHOWN_MAX);
    return { path, says: `Field "${shown}" is not defined by type "${bare.name}".` };
  });
}

function first<T>(all: readonly T[], judge: (each: T, index: number) => Fault | null): Fault | null {
  for (const [index, each] of all.entries()) {
    const fault = judge(each, index);
    if (fault !== null) return fault;
  }
  return null;
}
