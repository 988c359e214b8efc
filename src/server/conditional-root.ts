import { GraphQLError, Kind, OperationTypeNode, validate } from 'graphql';
import type {
  ASTVisitor,
  DocumentNode,
  GraphQLSchema,
  SelectionNode,
  SelectionSetNode,
  ValidationContext,
} from 'graphql';

/**
 * A subscription has one root field, always: a condition on it could leave none, which graphql-js takes for a fault of its own. The
 * specification forbids it since 2025; graphql 16 does not know that yet, and its own rules throw at a condition with a variable, so this
 * comes before them.
 */
export function conditionalRootErrors(
  schema: GraphQLSchema,
  document: DocumentNode,
): readonly GraphQLError[] {
  return validate(schema, document, [UnconditionalRootRule], { maxErrors: 1 });
}

function UnconditionalRootRule(context: ValidationContext): ASTVisitor {
  const innerOf = (selection: SelectionNode, seen: Set<string>): SelectionSetNode | undefined => {
    if (selection.kind === Kind.INLINE_FRAGMENT) return selection.selectionSet;
    if (selection.kind === Kind.FIELD || seen.has(selection.name.value)) return undefined;
    seen.add(selection.name.value);
    return context.getFragment(selection.name.value)?.selectionSet;
  };
  const find = ({ selections }: SelectionSetNode, seen: Set<string>): SelectionNode | undefined => {
    for (const selection of selections) {
      if ((selection.directives?.length ?? 0) > 0) return selection;
      const inner = innerOf(selection, seen);
      const found = inner === undefined ? undefined : find(inner, seen);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    OperationDefinition: ({ operation, selectionSet }) => {
      if (operation !== OperationTypeNode.SUBSCRIPTION) return false;
      const found = find(selectionSet, new Set());
      const message = 'the root field of a subscription takes no directives, such as @skip and @include';
      if (found !== undefined) context.reportError(new GraphQLError(message, { nodes: [found] }));
      return false;
    },
  };
}
