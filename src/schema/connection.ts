import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import type { KeysetOrder } from '../db/keyset.ts';
import type { Context } from './context.ts';

/** What the Prisma plugin plans from a client's selection; which model it is of, the place where it is spread says. */
type PlannedQuery = { readonly select?: never };

/** The selection of a root connection's rows, planned from what the client asks of `edges { node }`. */
export function rowsQuery(context: Context, info: GraphQLResolveInfo): PlannedQuery {
  return queryFromInfo({ context, info, path: NODES_PATH });
}

/** The selection of a field's own row, for resolvers that may answer null without a look-up: `t.prismaField` would count that as a fault. */
export function rowQuery(context: Context, info: GraphQLResolveInfo): PlannedQuery {
  return queryFromInfo({ context, info });
}

/** Where the rows of a nested connection's page stand in the client's selection. */
export const NODES_PATH = ['edges', 'node'];

/**
 * The columns of a nested connection's order, beside what the client selects: one who asks for cursors or counts only selects nothing else,
 * which Prisma refuses. Typed as nothing, so that the rows keep the type of their model.
 */
export function orderColumns({ columns }: KeysetOrder): object {
  return { select: Object.fromEntries(columns.map(({ name }) => [name, true])) };
}

/** The types of a connection, named after what it lists as the contract says; the last arguments of `t.connection`. */
export function connectionOf<Name extends string>(name: Name, plural: string) {
  return [
    { name: `${name}Connection`, description: `A page of ${plural}, after the Relay specification.` },
    { name: `${name}Edge`, description: `One row of a page of ${plural}.` },
  ] as const;
}
