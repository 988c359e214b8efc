import { errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { claimAt, parseRolesClaim } from '../domain/member-claims.ts';
import type { ClaimedRoles } from '../domain/member-claims.ts';
import { textFault } from '../domain/text.ts';
import type { OidcConfig } from './config-oidc.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import type { IssuerKeysOptions } from './issuer-keys.ts';
import type { Log } from './log.ts';

export const CLOCK_TOLERANCE_S = 5;
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const TOKEN_LENGTH_MAX = 12_288;
const CACHED_MAX = 10_000;
const CACHED_CHARACTERS_MAX = 32 * 1024 * 1024;
/** A key that its issuer has withdrawn vouches for nobody any longer than the set of keys is good for. */
const VERIFIED_FOR_MS = 10 * 60_000;
const SUBJECT_LENGTH_MAX = 255;
const NAME_LENGTH_MAX = 200;
const DATE_MAX_MS = 8_640_000_000_000_000;

/** Who a token is of, and what it claims. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly email: string | null;
  readonly roles: ClaimedRoles;
  readonly expiresAt: Date;
}

export interface Oidc {
  /** Null for every token that is not good, for whatever reason. */
  verify(token: string): Promise<Person | null>;
}

export type KeyTimes = Pick<IssuerKeysOptions, 'ageMaxMs' | 'cooldownMs'>;

/** Checks the tokens of the configured issuer. What was found good is remembered, so that a token costs one signature in ten minutes. */
export function createOidc(config: OidcConfig, log: Log, times: KeyTimes = {}): Oidc {
  const { issuer, audience, algorithms, rolesClaim, jwksUri } = config;
  const keyOf = createIssuerKeys({ issuer, jwksUri, log, ...times });
  const verified = new LRUCache<string, { person: Person; atMs: number }>({
    max: CACHED_MAX,
    maxSize: CACHED_CHARACTERS_MAX,
    sizeCalculation: (_entry, token) => token.length,
  });

  async function verify(token: string): Promise<Person | null> {
    const known = verified.get(token);
    if (known !== undefined && performance.now() - known.atMs < VERIFIED_FOR_MS) return inTime(known.person);
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'sub'],
      });
      const person = personOf(payload, issuer, rolesClaim);
      if (person !== null) verified.set(token, { person, atMs: performance.now() });
      return person;
    } catch (error) {
      verified.delete(token);
      if (!(error instanceof errors.JOSEError)) log.warn({ err: error }, 'a token could not be checked');
      else log.debug({ reason: error.code }, 'a token was refused');
      return null;
    }
  }

  return { verify };
}

/** Whether the text has the form of a token: what has not is not worth a look. */
export function isToken(text: string): boolean {
  return text.length <= TOKEN_LENGTH_MAX && TOKEN.test(text);
}

/** When a token is refused for its age: the clocks of the issuer and of this machine may differ by a little. */
export function endOfToken({ expiresAt }: Person): number {
  return expiresAt.getTime() + CLOCK_TOLERANCE_S * 1_000;
}

function inTime(person: Person): Person | null {
  return Date.now() < endOfToken(person) ? person : null;
}

function personOf(payload: JWTPayload, issuer: string, rolesClaim: string): Person | null {
  const { sub, exp } = payload;
  const subject = textOf(sub, SUBJECT_LENGTH_MAX);
  if (subject === null || subject !== sub || typeof exp !== 'number') return null;
  const email = textOf(payload['email'], NAME_LENGTH_MAX);
  const name = textOf(payload['name'], NAME_LENGTH_MAX);
  return {
    issuer,
    subject,
    name: name ?? email ?? subject,
    email,
    roles: parseRolesClaim(claimAt(payload, rolesClaim)),
    expiresAt: new Date(Math.min(exp * 1_000, DATE_MAX_MS)),
  };
}

/** What can be stored of a claim; null: nothing that says anything. */
function textOf(value: unknown, max: number): string | null {
  if (typeof value !== 'string' || value.trim() === '') return null;
  const text = value.slice(0, max);
  return textFault(text) === null ? text : null;
}
