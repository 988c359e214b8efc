import type { IncomingMessage } from 'node:http';
import type { Actor } from '../domain/actor.ts';

/** What beside the credential says who is calling. */
export interface Caller {
  /** The slug of the workspace that is asked for, for credentials that are good in several. */
  readonly workspace: string | undefined;
  /** The actor with where the request came from, for what is recorded of the check itself. */
  readonly record?: (actor: Actor) => Actor;
}

/** Given twice it is no workspace's slug, and nobody is let in. */
export function workspaceNamedBy({ headers }: IncomingMessage): string | undefined {
  const named = headers['x-promptforge-workspace'];
  return Array.isArray(named) ? named.join(', ') : named;
}
