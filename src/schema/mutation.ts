import type { Context } from './context.ts';

/** A refusal's class, as the errors plugin wants it. */
type RefusalClass = new (...args: never[]) => Error;

/** A mutation's result union: its success type or one of these refusals, named after the mutation as the contract says. */
export function refusals(name: string, description: string, types: readonly RefusalClass[]) {
  return {
    types: types as readonly (new (...args: unknown[]) => Error)[] as never,
    directResult: true,
    union: { name, description },
  } as const;
}

/** The composite key of a row of the actor's workspace. */
export function ownId({ actor: { workspaceId } }: Context, id: string) {
  return { workspaceId_id: { workspaceId, id } };
}

/** An id that no row has: what somebody may not see is answered as what is not there. */
export const NOBODY_ID = '00000000-0000-0000-0000-000000000000';
