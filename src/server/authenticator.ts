import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { unlimited } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { hashApiKey, isApiKey } from '../domain/api-key.ts';
import type { StoredEvent } from '../db/event-log.ts';
import type { FeedConsumer } from '../realtime/feed.ts';
import type { Checked } from './api-key-check.ts';
import type { Caller } from './caller.ts';
import { isToken } from './oidc.ts';

const FRESH_MS = 5_000;
const CACHED_MAX = 10_000;
const CACHED_CHARACTERS_MAX = 32 * 1024 * 1024;
const BEARER = /^Bearer +(\S+)$/i;
const BEARER_OF_KEY = /^Bearer +pf_live_/i;
const NOBODY_IN_PARTICULAR: Caller = { workspace: undefined };
/** After these what is remembered may be wrong. */
const CHANGES: ReadonlySet<string> = new Set(['ApiKeyRevoked', 'ApiKeyRotated', 'MemberChanged']);

export interface Authenticator extends FeedConsumer {
  /**
   * The actor behind an Authorization header, null when it is missing or wrong. From memory for 5 s after it was checked; with the
   * database away, from memory for as long as that lasts, but never after its end. Rejects only when it must ask the database and cannot.
   */
  authenticate(header: string | undefined, caller?: Caller): Actor | null | Promise<Actor | null>;
  /** The same for as long as nobody need be asked; null: ask `authenticate`. */
  remembered(header: string, workspace: string | undefined): Actor | null;
}

interface Remembered extends Checked {
  readonly checkedAtMs: number;
}

type Check = (credential: string, caller: Caller) => Promise<Checked | null>;

/** A key that the environment sets, accepted besides those in the database. */
export interface ConfiguredKey {
  readonly key: string;
  readonly actor: Actor;
}

export interface AuthenticatorOptions {
  readonly checkKey: Check;
  /** Null: there are no people here, only keys. */
  readonly checkPerson: Check | null;
  readonly configured: readonly ConfiguredKey[];
  readonly isReachable: () => boolean;
  /** Told of every actor that is let in after it was checked, or in a way that is no hot one: at least every 5 s while it comes. */
  readonly onUse: (actor: Actor, nowMs: number) => void;
}

/** Remembers who credentials are; who they are, the checks find out. */
export class CredentialMemory implements Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #configured: readonly { readonly hash: Buffer; readonly actor: Actor }[];
  readonly #remembered = new LRUCache<string, Remembered>({
    max: CACHED_MAX,
    maxSize: CACHED_CHARACTERS_MAX,
    sizeCalculation: (_entry, name) => name.length,
  });
  /** Who comes while a credential is being checked waits for the same check: a herd of one key costs one statement. */
  readonly #asking = new Map<string, Promise<Actor | null>>();
  #forgotten = 0;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#configured = options.configured.map(({ key, actor }) => ({ hash: hashApiKey(key), actor }));
  }

  authenticate(
    header: string | undefined,
    caller: Caller = NOBODY_IN_PARTICULAR,
  ): Actor | null | Promise<Actor | null> {
    const credential = header === undefined ? undefined : credentialIn(header);
    if (header === undefined || credential === undefined) return null;
    const name = nameOf(header, caller.workspace);
    const nowMs = Date.now();
    const known = this.#remembered.get(name);
    if (known !== undefined && nowMs >= known.endsMs) {
      this.#remembered.delete(name);
      return null;
    }
    if (known !== undefined && this.#mayRelyOn(known, nowMs)) return this.#letIn(known.actor, nowMs);
    const hash = hashApiKey(credential);
    const own = this.#configured.find((candidate) => timingSafeEqual(hash, candidate.hash));
    if (own !== undefined) return this.#remember(name, { actor: own.actor, endsMs: Infinity });
    const check = this.#checkFor(credential);
    if (check === null) return null;
    const asked = this.#asking.get(name) ?? this.#ask(name, known, () => check(credential, caller));
    this.#asking.set(name, asked);
    return asked;
  }

  remembered(header: string, workspace: string | undefined): Actor | null {
    const known = this.#remembered.get(nameOf(header, workspace));
    return known !== undefined && this.#mayRelyOn(known, Date.now()) ? known.actor : null;
  }

  async apply(workspaceId: string, events: readonly StoredEvent[]): Promise<void> {
    if (events.some(({ type }) => CHANGES.has(type))) this.#forget(workspaceId);
    // Told in the operators' log, of another workspace.
    if (events.some(({ type }) => type === 'WorkspaceDeleted')) this.#forget(null);
  }

  async reset(workspaceId: string): Promise<void> {
    this.#forget(workspaceId);
  }

  #mayRelyOn({ endsMs, checkedAtMs }: Remembered, nowMs: number): boolean {
    if (nowMs >= endsMs) return false;
    return nowMs - checkedAtMs < FRESH_MS || !this.#options.isReachable();
  }

  #checkFor(credential: string): Check | null {
    if (isApiKey(credential)) return this.#options.checkKey;
    return isToken(credential) ? this.#options.checkPerson : null;
  }

  async #ask(
    name: string,
    known: Remembered | undefined,
    check: () => Promise<Checked | null>,
  ): Promise<Actor | null> {
    const asked = this.#forgotten;
    try {
      const checked = await check();
      // What the database said before a revocation is not to be remembered after it.
      if (checked !== null)
        return asked === this.#forgotten
          ? this.#remember(name, checked)
          : this.#letIn(checked.actor, Date.now());
      this.#remembered.delete(name);
      return null;
    } catch (error) {
      if (known !== undefined && asked === this.#forgotten && Date.now() < known.endsMs) return known.actor;
      throw error;
    } finally {
      if (asked === this.#forgotten) this.#asking.delete(name);
    }
  }

  /** Of one workspace only (null: of all): what bridges an outage for the others stays. */
  #forget(workspaceId: string | null): void {
    this.#forgotten += 1;
    for (const [name, { actor }] of this.#remembered.entries())
      if (workspaceId === null || actor.workspaceId === workspaceId) this.#remembered.delete(name);
    // What was asked before is not to be joined after.
    this.#asking.clear();
  }

  #remember(name: string, checked: Checked): Actor {
    const checkedAtMs = Date.now();
    this.#remembered.set(name, { ...checked, checkedAtMs });
    return this.#letIn(checked.actor, checkedAtMs);
  }

  #letIn(actor: Actor, nowMs: number): Actor {
    this.#options.onUse(actor, nowMs);
    return actor;
  }
}

function credentialIn(header: string): string | undefined {
  return BEARER.exec(header)?.[1];
}

/** The header as it came, so that a hot read takes nothing apart. A key belongs to one workspace; a person may come to several. */
function nameOf(header: string, workspace: string | undefined): string {
  const isKey = workspace === undefined || BEARER_OF_KEY.test(header);
  return isKey ? header : `${workspace}\n${header}`;
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
