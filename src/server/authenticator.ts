import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { unlimited } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import type { Scope } from '../domain/actor-role.ts';
import { hashApiKey, isApiKey } from '../domain/api-key.ts';
import type { Reader } from '../db/client.ts';
import type { FeedConsumer } from '../realtime/feed.ts';

const FRESH_MS = 5_000;
const CACHED_MAX = 10_000;
const BEARER = /^Bearer +(\S+)$/i;

export interface Authenticator extends FeedConsumer {
  /**
   * The actor behind an Authorization header, null when it is missing or wrong. From memory for 5 s after it was checked; with the
   * database away, from memory for as long as that lasts. Rejects only when it must ask the database and cannot.
   */
  authenticate(header: string | undefined): Actor | null | Promise<Actor | null>;
}

interface Verified {
  readonly actor: Actor;
  checkedAt: number;
}

/** A key that the environment sets, accepted besides those in the database. */
export interface ConfiguredKey {
  readonly key: string;
  readonly actor: Actor;
}

export function createAuthenticator(
  reader: Reader,
  options: { readonly configured: readonly ConfiguredKey[]; readonly isReachable: () => boolean },
): Authenticator {
  const verified = new LRUCache<string, Verified>({ max: CACHED_MAX });
  let forgotten = 0;
  const configured = options.configured.map(({ key, actor }) => ({ hash: hashApiKey(key), actor }));

  function authenticate(header: string | undefined): Actor | null | Promise<Actor | null> {
    const key = header === undefined ? undefined : BEARER.exec(header)?.[1];
    if (key === undefined) return null;
    const known = verified.get(key);
    if (known !== undefined && (Date.now() - known.checkedAt < FRESH_MS || !options.isReachable()))
      return known.actor;
    const hash = hashApiKey(key);
    const own = configured.find((candidate) => timingSafeEqual(hash, candidate.hash));
    if (own !== undefined) return remember(key, own.actor);
    if (!isApiKey(key)) return null;
    return check(key, known);
  }

  async function check(key: string, known: Verified | undefined): Promise<Actor | null> {
    const asked = forgotten;
    try {
      const actor = await findActor(reader, key);
      // What the database said before a revocation is not to be remembered after it.
      if (actor !== null) return asked === forgotten ? remember(key, actor) : actor;
      verified.delete(key);
      return null;
    } catch (error) {
      if (known !== undefined && asked === forgotten) return known.actor;
      throw error;
    }
  }

  function forget(): void {
    forgotten += 1;
    verified.clear();
  }

  function remember(key: string, actor: Actor): Actor {
    verified.set(key, { actor, checkedAt: Date.now() });
    return actor;
  }

  return {
    authenticate,
    apply: async (_workspaceId, events) => {
      if (events.some((event) => event.type === 'ApiKeyRevoked')) forget();
    },
    reset: async () => forget(),
  };
}

export interface Configuration {
  readonly adminKey: string | null;
  readonly adminWorkspaceId: string;
  readonly operatorKey: string | null;
  readonly operatorWorkspaceId: string;
}

/** The keys of the environment: the admin of the default workspace, and the operator of the installation. */
export function configuredKeys({
  adminKey,
  adminWorkspaceId,
  operatorKey,
  operatorWorkspaceId,
}: Configuration): ConfiguredKey[] {
  const configured = (
    key: string | null,
    facts: Pick<Actor, 'workspaceId' | 'id' | 'name' | 'role'>,
  ): ConfiguredKey[] => {
    const rest = { grants: unlimited(facts.role), scopes: null, expiresAt: null, origin: null };
    return key === null ? [] : [{ key, actor: { kind: 'API_KEY', ...facts, ...rest } }];
  };
  const admin = { id: 'configured-admin', name: 'PROMPTFORGE_ADMIN_KEY', role: 'ADMIN' } as const;
  const operator = {
    id: 'configured-operator',
    name: 'PROMPTFORGE_OPERATOR_KEY',
    role: 'OPERATOR',
  } as const;
  return [
    ...configured(adminKey, { workspaceId: adminWorkspaceId, ...admin }),
    ...configured(operatorKey, { workspaceId: operatorWorkspaceId, ...operator }),
  ];
}

async function findActor(reader: Reader, key: string): Promise<Actor | null> {
  const secretHash = new Uint8Array(hashApiKey(key));
  const row = await reader.apiKey.findUnique({ where: { secretHash } });
  if (row === null || row.revokedAt !== null) return null;
  const { workspaceId, id, name, role, prompts, channels, scopes, expiresAt } = row;
  // Both are written by us alone, and checked before.
  const limits = { prompts: prompts as string[] | null, channels: channels as string[] | null };
  return {
    workspaceId,
    kind: 'API_KEY',
    id,
    name,
    role,
    grants: [{ role, ...limits }],
    scopes: scopes as Scope[],
    expiresAt,
    origin: null,
  };
}
