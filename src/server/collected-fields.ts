import { GraphQLIncludeDirective, GraphQLSkipDirective, isAbstractType, Kind, visit } from 'graphql';
import type {
  DirectiveNode,
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLObjectType,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionNode,
  SelectionSetNode,
  ValueNode,
} from 'graphql';
import { NotInSnapshot } from '../schema/from-snapshot.ts';

export type Variables = Readonly<Record<string, unknown>>;

export interface Collecting {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The values of the conditions; those of other variables are not looked at. */
  readonly variables: Variables;
  /** Called for each selection that is looked at; throws when that is too much. */
  readonly spend: () => void;
}

export function fragmentsOf(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  return fragments;
}

/** The names of the variables that decide which fields are answered. */
export function conditionsOf(
  operation: OperationDefinitionNode,
  fragments: Collecting['fragments'],
): readonly string[] {
  const names = new Set<string>();
  const visitor = {
    [Kind.DIRECTIVE]: ({ arguments: args = [] }: DirectiveNode) => {
      for (const { value } of args) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  };
  for (const definition of [operation, ...fragments.values()]) visit(definition.selectionSet, visitor);
  return [...names];
}

/** The fields of an object by their names in the answer, in its order; what is the same field twice is merged. As graphql does it. */
export function collectFields(
  collecting: Collecting,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
): ReadonlyMap<string, readonly FieldNode[]> {
  const fields = new Map<string, FieldNode[]>();
  const spread = new Set<string>();
  const add = (selection: SelectionNode): void => {
    collecting.spend();
    if (!isIncluded(selection, collecting.variables)) return;
    if (selection.kind === Kind.FIELD) {
      const key = (selection.alias ?? selection.name).value;
      fields.set(key, [...(fields.get(key) ?? []), selection]);
      return;
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragmentOf(selection.name.value);
    if (fragment === null || !isOfType(collecting.schema, fragment.typeCondition?.name.value, type)) return;
    fragment.selectionSet.selections.forEach(add);
  };
  /** Null: its fields are there already. */
  const fragmentOf = (name: string) => {
    const fragment = spread.has(name) ? undefined : collecting.fragments.get(name);
    spread.add(name);
    return fragment ?? null;
  };
  for (const set of sets) set.selections.forEach(add);
  return fields;
}

function isOfType(schema: GraphQLSchema, condition: string | undefined, type: GraphQLObjectType): boolean {
  if (condition === undefined || condition === type.name) return true;
  const wider = schema.getType(condition);
  return isAbstractType(wider) && schema.isSubType(wider, type);
}

function isIncluded({ directives = [] }: SelectionNode, variables: Variables): boolean {
  return directives.every((directive) => {
    const { name } = directive;
    if (name.value === GraphQLSkipDirective.name) return !conditionOf(directive, variables);
    return name.value !== GraphQLIncludeDirective.name || conditionOf(directive, variables);
  });
}

/** @throws NotInSnapshot for what graphql answers with an error */
function conditionOf({ arguments: args = [] }: DirectiveNode, variables: Variables): boolean {
  const value: ValueNode | undefined = args[0]?.value;
  const condition =
    value?.kind === Kind.VARIABLE
      ? variables[value.name.value]
      : value?.kind === Kind.BOOLEAN
        ? value.value
        : undefined;
  if (typeof condition !== 'boolean') throw new NotInSnapshot();
  return condition;
}
