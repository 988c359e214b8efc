import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin, { getRefFromModel } from '@pothos/plugin-prisma';
import type { PrismaObjectRef } from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type { GraphQLResolveInfo } from 'graphql';
import { getDatamodel } from '../db/generated/pothos.ts';
import type PrismaTypes from '../db/generated/pothos.ts';
import { canSomewhere } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { readsRegistry } from '../domain/actor-reading.ts';
import type { Scope } from '../domain/actor-role.ts';
import { Forbidden, InvalidInput } from '../domain/errors.ts';
import type { JsonValue, Message, Variable } from '../domain/template.ts';
import type { Blocker } from '../domain/promotion-blockers.ts';
import type { VersionDiff } from '../domain/version-diff.ts';
import type { Context } from './context.ts';
import { decodeNodeId, encodeNodeId } from './node-id.ts';
import { isVisibleNode } from './visible.ts';

const NODES_MAX = 100;

/** Who may read anything that a workspace holds; how much of it, the resolvers say. */
export const READS_SOMETHING = ['registry:read', 'channels:read'] as const;

/** Called when a resolver was given a planned query and did not use it, which costs a second round trip. Tests make it throw. */
export const unusedQuery = { report: (_info: GraphQLResolveInfo): void => undefined };

export const builder = new SchemaBuilder<{
  PrismaTypes: PrismaTypes;
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  AuthScopes: { scope: Scope; anyOf: readonly Scope[] };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    JSON: { Input: JsonValue; Output: JsonValue };
  };
  Objects: {
    Actor: Pick<Actor, 'kind' | 'name'>;
    Message: Message;
    Variable: Variable & { declared: boolean };
    VersionDiff: VersionDiff;
    PromotionBlocker: Blocker;
  };
  Connection: { totalCount: () => Promise<number> };
}>({
  plugins: [ErrorsPlugin, ScopeAuthPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  errors: { defaultTypes: [], directResult: true },
  prisma: {
    client: (context) => context.reader,
    dmmf: getDatamodel(),
    onUnusedQuery: (info) => unusedQuery.report(info),
  },
  relay: {
    clientMutationId: 'omit',
    idFieldOptions: { description: 'Global id.', skipTypeScopes: true },
    cursorType: 'String',
    nodeQueryOptions: {
      description: 'The object behind a global id; null when this workspace holds none.',
      args: { id: { description: 'Its global id.' } },
      skipTypeScopes: true,
      authScopes: { anyOf: READS_SOMETHING },
      // What the relay plugin resolves are the ids of the arguments, whatever it is handed.
      resolve: async (_root, { id }, context, _info, resolveNode) =>
        (await isVisibleNode(context, id)) ? resolveNode(id) : null,
    },
    nodesQueryOptions: {
      description:
        'The objects behind at most 100 global ids, in their order; null for each that this workspace does not hold.',
      args: { ids: { description: 'At most 100 global ids.' } },
      skipTypeScopes: true,
      authScopes: { anyOf: READS_SOMETHING },
      resolve: async (_root, { ids }, context, _info, resolveNodes) => {
        if (ids.length > NODES_MAX)
          throw new InvalidInput('ids', `has ${ids.length} ids, at most ${NODES_MAX} are allowed`);
        const visible = await Promise.all(ids.map((id) => isVisibleNode(context, id)));
        return (await resolveNodes(ids)).map((node, index) => (visible[index] === true ? node : null));
      },
    },
    edgesFieldOptions: { nullable: false, description: 'The rows of this page, in order.' },
    nodeFieldOptions: { nullable: false, description: 'The row itself.' },
    cursorFieldOptions: {
      description: 'Opaque: the place of this row, for `after` and `before` of the same connection.',
    },
    pageInfoFieldOptions: { description: 'Where this page stands.' },
    pageInfoTypeOptions: {
      description: 'Where a page stands in its connection, after the Relay specification.',
    },
    hasNextPageFieldOptions: {
      description: 'Whether rows follow this page; with `last`, whether `before` was given.',
    },
    hasPreviousPageFieldOptions: {
      description: 'Whether rows come before this page; with `first`, whether `after` was given.',
    },
    startCursorFieldOptions: { description: 'The cursor of the first row; null when the page is empty.' },
    endCursorFieldOptions: {
      description: 'The cursor of the last row, to go on with `after`; null when the page is empty.',
    },
    firstArgOptions: {
      description: 'So many rows from the start, or after `after`: 0 to 100. Without `first` and `last`: 20.',
    },
    afterArgOptions: { description: 'Only rows after this cursor of the same connection and order.' },
    lastArgOptions: {
      description: 'So many rows from the end, or before `before`: 0 to 100. Not together with `first`.',
    },
    beforeArgOptions: { description: 'Only rows before this cursor of the same connection and order.' },
    nodeTypeOptions: { description: 'An object with a global id, to be fetched again with `node`.' },
    encodeGlobalID: encodeNodeId,
    decodeGlobalID: decodeNodeId,
  },
  scopeAuth: {
    authorizeOnSubscribe: true,
    authScopes: ({ actor }) => ({
      scope: (scope) => hasScope(actor, scope),
      anyOf: (scopes) => scopes.some((scope) => hasScope(actor, scope)),
    }),
    unauthorizedError: (_parent, context, info) =>
      new Forbidden(
        `this credential (${context.actor.name}) may not read ${info.parentType.name}.${info.fieldName}`,
      ),
  },
});

/** A grant that is limited to channels never reads the registry. */
function hasScope(actor: Actor, scope: Scope): boolean {
  return scope === 'registry:read' ? readsRegistry(actor) : canSomewhere(actor, scope);
}

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'How many rows there are on all pages.',
    resolve: (connection) => connection.totalCount(),
  }),
);

type ModelRef<Name extends keyof PrismaTypes> = PrismaObjectRef<
  typeof builder.$inferSchemaTypes,
  PrismaTypes[Name],
  PrismaTypes[Name]['Shape']
>;

/** The GraphQL type of a Prisma model, by its name: noun files refer to each other by it and never import each other. */
export function modelRef<Name extends keyof PrismaTypes>(name: Name): ModelRef<Name> {
  return getRefFromModel(name, builder) as unknown as ModelRef<Name>;
}
