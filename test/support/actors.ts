import { v7 } from 'uuid';
import { unlimited } from '../../src/domain/actor.ts';
import type { Actor } from '../../src/domain/actor.ts';

/** An admin with everything that its role grants, unless the facts say otherwise. `grants` follow the role unless they are given. */
export function actorWith(facts: Partial<Actor> & Pick<Actor, 'workspaceId'>): Actor {
  const role = facts.role ?? 'ADMIN';
  return {
    kind: 'API_KEY',
    id: v7(),
    name: 'ada',
    role,
    grants: unlimited(role),
    scopes: null,
    expiresAt: null,
    origin: null,
    ...facts,
  };
}
