import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { unlimited } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { hashApiKey, isApiKey } from '../domain/api-key.ts';
import type { FeedConsumer } from '../realtime/feed.ts';
import type { Checked } from './api-key-check.ts';
import type { Caller } from './caller.ts';
import { isToken } from './oidc.ts';

const FRESH_MS = 5_000;
const CACHED_MAX = 10_000;
const CACHED_CHARACTERS_MAX = 32 * 1024 * 1024;
const KEY_PREFIX = 'pf_live_';
const BEARER = /^Bearer +(\S+)$/i;
const NOBODY_IN_PARTICULAR: Caller = { workspace: undefined };
/** After these what is remembered may be wrong. */
const CHANGES: ReadonlySet<string> = new Set([
  'ApiKeyRevoked',
  'ApiKeyRotated',
  'MemberChanged',
  'WorkspaceDeleted',
]);

export interface Authenticator extends FeedConsumer {
  /**
   * The actor behind an Authorization header, null when it is missing or wrong. From memory for 5 s after it was checked; with the
   * database away, from memory for as long as that lasts, but never after its end. Rejects only when it must ask the database and cannot.
   */
  authenticate(header: string | undefined, caller?: Caller): Actor | null | Promise<Actor | null>;
}

interface Remembered extends Checked {
  readonly checkedAtMs: number;
}

type Check = (credential: string, caller: Caller) => Promise<Checked | null>;

export interface AuthenticatorOptions {
  readonly checkKey: Check;
  /** Null: there are no people here, only keys. */
  readonly checkPerson: Check | null;
  /** The configured key of the default workspace, accepted besides those in the database. */
  readonly adminKey: string | null;
  readonly adminWorkspaceId: string;
  readonly isReachable: () => boolean;
  /** Told of every actor that is let in. */
  readonly onUse: (actor: Actor, nowMs: number) => void;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const remembered = new LRUCache<string, Remembered>({
    max: CACHED_MAX,
    maxSize: CACHED_CHARACTERS_MAX,
    sizeCalculation: (_entry, name) => name.length,
  });
  /** Who comes while a credential is being checked waits for the same check: a herd of one key costs one statement. */
  const asking = new Map<string, Promise<Actor | null>>();
  let forgotten = 0;
  const adminHash = options.adminKey === null ? null : hashApiKey(options.adminKey);

  function authenticate(
    header: string | undefined,
    caller: Caller = NOBODY_IN_PARTICULAR,
  ): Actor | null | Promise<Actor | null> {
    const credential = header === undefined ? undefined : BEARER.exec(header)?.[1];
    if (credential === undefined) return null;
    // A key belongs to one workspace; a person may come to several.
    const { workspace } = caller;
    const name =
      workspace === undefined || credential.startsWith(KEY_PREFIX)
        ? credential
        : `${workspace}\n${credential}`;
    const nowMs = Date.now();
    const known = remembered.get(name);
    if (known !== undefined && nowMs >= known.endsMs) {
      remembered.delete(name);
      return null;
    }
    if (known !== undefined && (nowMs - known.checkedAtMs < FRESH_MS || !options.isReachable()))
      return letIn(known.actor, nowMs);
    if (adminHash !== null && timingSafeEqual(hashApiKey(credential), adminHash))
      return remember(name, { actor: configuredAdmin(options.adminWorkspaceId), endsMs: Infinity });
    const check = checkFor(credential);
    if (check === null) return null;
    const asked = asking.get(name) ?? ask(name, known, () => check(credential, caller));
    asking.set(name, asked);
    return asked;
  }

  function checkFor(credential: string): Check | null {
    if (isApiKey(credential)) return options.checkKey;
    return isToken(credential) ? options.checkPerson : null;
  }

  async function ask(
    name: string,
    known: Remembered | undefined,
    check: () => Promise<Checked | null>,
  ): Promise<Actor | null> {
    const asked = forgotten;
    try {
      const checked = await check();
      // What the database said before a revocation is not to be remembered after it.
      if (checked !== null)
        return asked === forgotten ? remember(name, checked) : letIn(checked.actor, Date.now());
      remembered.delete(name);
      return null;
    } catch (error) {
      if (known !== undefined && asked === forgotten && Date.now() < known.endsMs) return known.actor;
      throw error;
    } finally {
      if (asked === forgotten) asking.delete(name);
    }
  }

  function forget(): void {
    forgotten += 1;
    remembered.clear();
    // What was asked before is not to be joined after.
    asking.clear();
  }

  function remember(name: string, checked: Checked): Actor {
    const checkedAtMs = Date.now();
    remembered.set(name, { ...checked, checkedAtMs });
    return letIn(checked.actor, checkedAtMs);
  }

  function letIn(actor: Actor, nowMs: number): Actor {
    options.onUse(actor, nowMs);
    return actor;
  }

  return {
    authenticate,
    apply: async (_workspaceId, events) => {
      if (events.some(({ type }) => CHANGES.has(type))) forget();
    },
    reset: async () => forget(),
  };
}

function configuredAdmin(workspaceId: string): Actor {
  return {
    workspaceId,
    kind: 'API_KEY',
    id: 'configured-admin',
    name: 'PROMPTFORGE_ADMIN_KEY',
    role: 'ADMIN',
    grants: unlimited('ADMIN'),
    scopes: null,
    expiresAt: null,
    origin: null,
  };
}
