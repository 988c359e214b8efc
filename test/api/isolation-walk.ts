import { isInputObjectType, isInterfaceType, isObjectType, isScalarType, getNamedType } from 'graphql';
import type { GraphQLArgument, GraphQLInputField, GraphQLSchema } from 'graphql';

/** What can hold somebody else's id, slug, name or cursor. */
const NAMING = new Set(['ID', 'String']);

/** Every place of the schema where a caller writes a text, as `Type.field(argument)` or `Type.field(input.path)`, sorted. */
export function namingPaths(schema: GraphQLSchema): string[] {
  return Object.values(schema.getTypeMap())
    .filter((type) => !type.name.startsWith('__'))
    .flatMap((type) => {
      // Fields of interfaces are those of the types that implement them.
      if (!isObjectType(type) || isInterfaceType(type)) return [];
      return Object.values(type.getFields()).flatMap((field) =>
        field.args.flatMap((argument) =>
          textsOf(argument, []).map((path) => `${type.name}.${field.name}(${path})`),
        ),
      );
    })
    .toSorted();
}

function textsOf(input: GraphQLArgument | GraphQLInputField, above: readonly string[]): string[] {
  const type = getNamedType(input.type);
  const path = [...above, input.name];
  if (isScalarType(type)) return NAMING.has(type.name) ? [path.join('.')] : [];
  // A type within itself adds no new place.
  if (!isInputObjectType(type) || above.length > 6) return [];
  return Object.values(type.getFields()).flatMap((field) => textsOf(field, path));
}
