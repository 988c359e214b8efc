import { createLocalJWKSet, errors } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { Log } from './log.ts';

const AGE_MAX_MS = 10 * 60_000;
const COOLDOWN_MS = 10_000;
const FETCH_TIMEOUT_MS = 3_000;
const RESPONSE_BYTES_MAX = 512 * 1024;

export interface IssuerKeysOptions {
  readonly issuer: string;
  /** Null: where the issuer's discovery document says. */
  readonly jwksUri: string | null;
  readonly log: Log;
  /** After how long the keys are fetched again. @default 10 min */
  readonly ageMaxMs?: number;
  /** How long nothing is fetched after an attempt, whatever unknown keys tokens name. @default 10 s */
  readonly cooldownMs?: number;
}

/**
 * The public keys of an issuer: fetched when they are first needed, again when they are old or a token names one that is not among them. While
 * the issuer cannot be reached, the last good set goes on.
 */
export function createIssuerKeys(options: IssuerKeysOptions): JWTVerifyGetKey {
  const { ageMaxMs = AGE_MAX_MS, cooldownMs = COOLDOWN_MS, log } = options;
  let keys: JWTVerifyGetKey | null = null;
  let fetchedMs = Number.NEGATIVE_INFINITY;
  let attemptedMs = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | null = null;

  async function load(): Promise<void> {
    attemptedMs = performance.now();
    try {
      keys = createLocalJWKSet(await fetchKeySet(options));
      fetchedMs = performance.now();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const goesOn = keys === null ? 'nobody can sign in by OIDC' : 'the keys that are known go on';
      log.warn({ reason, issuer: options.issuer }, `the keys of the issuer could not be fetched: ${goesOn}`);
    } finally {
      loading = null;
      attemptedMs = performance.now();
    }
  }

  /** One at a time, and none too soon after another: whoever comes meanwhile waits for the same. */
  async function refresh(): Promise<boolean> {
    if (loading === null && performance.now() - attemptedMs < cooldownMs) return false;
    loading ??= load();
    await loading;
    return true;
  }

  return async (header, token) => {
    if (performance.now() - fetchedMs >= ageMaxMs) await refresh();
    if (keys === null) throw new errors.JWKSNoMatchingKey('the keys of the issuer are not known');
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await refresh())) throw error;
      return keys(header, token);
    }
  };
}

async function fetchKeySet({ issuer, jwksUri }: IssuerKeysOptions): Promise<JSONWebKeySet> {
  return (await fetchJson(jwksUri ?? (await discoverKeys(issuer)))) as unknown as JSONWebKeySet;
}

async function discoverKeys(issuer: string): Promise<string> {
  const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (document['issuer'] !== issuer) throw new Error('the discovery document is of another issuer');
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string' || !isTrustworthy(uri))
    throw new Error('the discovery document names no address of keys that is https');
  return uri;
}

/** Keys that came over a network in clear could be anybody's. */
export function isTrustworthy(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
  );
}

async function fetchJson(address: string): Promise<Record<string, unknown>> {
  const response = await fetch(address, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${address} answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > RESPONSE_BYTES_MAX)
      throw new Error(`${address} answered more than ${RESPONSE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof value !== 'object' || value === null) throw new Error(`${address} answered no object`);
  return value as Record<string, unknown>;
}
