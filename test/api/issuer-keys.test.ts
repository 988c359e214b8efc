import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportPKCS8, generateKeyPair, importPKCS8, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createOidc } from '../../src/server/oidc.ts';
import { AUDIENCE, startIssuer } from '../support/issuer.ts';
import type { TestIssuer } from '../support/issuer.ts';
import { oidcConfig, somebody } from './people-fixture.ts';

const NEVER = 3_600_000;
const log = pino({ level: 'silent' });

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.stop());

const verifier = (times: { readonly ageMaxMs?: number; readonly cooldownMs?: number } = {}) =>
  createOidc(oidcConfig(issuer), log, times);
const newToken = () => issuer.token(somebody(), { roles: ['VIEWER'] });

/** A token that is right in everything but that nobody knows its key. */
async function strangersToken(): Promise<string> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const key = await importPKCS8(await exportPKCS8(privateKey), 'RS256');
  return new SignJWT({ roles: ['ADMIN'] })
    .setProtectedHeader({ alg: 'RS256', kid: somebody() })
    .setIssuer(issuer.url)
    .setAudience(AUDIENCE)
    .setSubject(somebody())
    .setExpirationTime('1m')
    .sign(key);
}

describe('the keys of an issuer', () => {
  it('are fetched once for all who need them at once', async () => {
    const before = issuer.keyFetches();
    const { verify } = verifierOf(verifier());
    const tokens = await Promise.all([newToken(), newToken(), newToken()]);
    const people = await Promise.all([...tokens, ...tokens].map((token) => verify(token)));
    expect(people.every((person) => person !== null)).toBe(true);
    expect(issuer.keyFetches() - before).toBe(1);
  });

  it('are fetched anew when a token names another one: a rotation at the issuer stops nobody', async () => {
    const { verify } = verifierOf(verifier({ cooldownMs: 0 }));
    const old = await newToken();
    expect(await verify(old)).not.toBeNull();
    await issuer.rotate();
    expect(await verify(await newToken())).not.toBeNull();
    // What was checked stays good for as long as the keys would have been; one that was not is good no more.
    expect(await verify(old)).not.toBeNull();
  });

  it('that were withdrawn vouch for nobody', async () => {
    const { verify } = verifierOf(verifier({ cooldownMs: 0 }));
    const withdrawn = await newToken();
    await issuer.rotate();
    expect(await verify(await newToken())).not.toBeNull();
    expect(await verify(withdrawn)).toBeNull();
  });

  it('are not fetched again and again for tokens that name keys which nobody has', async () => {
    const { verify } = verifierOf(verifier({ cooldownMs: NEVER }));
    const before = issuer.keyFetches();
    expect(await verify(await newToken())).not.toBeNull();
    for (const token of await Promise.all(Array.from({ length: 12 }, strangersToken)))
      expect(await verify(token)).toBeNull();
    expect(issuer.keyFetches() - before).toBe(1);
  });

  it('go on while the issuer is away, when they are old too; a key that is not known is refused then, and taken afterwards', async () => {
    const { verify } = verifierOf(verifier({ ageMaxMs: 0, cooldownMs: 0 }));
    const [known, fresh] = [await newToken(), await newToken()];
    expect(await verify(known)).not.toBeNull();
    await issuer.rotate();
    const unknown = await newToken();
    await issuer.stop();
    expect(await verify(fresh)).not.toBeNull();
    expect(await verify(unknown)).toBeNull();
    await issuer.restart();
    expect(await verify(unknown)).not.toBeNull();
  });

  it('are asked for again when the issuer was away at first', async () => {
    const { verify } = verifierOf(verifier({ cooldownMs: 0 }));
    const token = await newToken();
    await issuer.stop();
    expect(await verify(token)).toBeNull();
    await issuer.restart();
    expect(await verify(token)).not.toBeNull();
  });
});

describe('an issuer that answers something else', () => {
  const keys =
    (body: string | Buffer, type = 'application/json'): RequestListener =>
    (_req, res) =>
      void res.setHeader('content-type', type).end(body);

  it.each<[title: string, answer: RequestListener]>([
    ['more than half a megabyte', keys(Buffer.alloc(1024 * 1024, ' '))],
    ['no JSON', keys('<html>')],
    ['no object', keys('null')],
    ['no keys', keys('{"keys":"none"}')],
    ['500', (_req, res) => void res.writeHead(500).end()],
    ['another address', (_req, res) => void res.writeHead(302, { location: `${issuer.url}/jwks` }).end()],
  ])('%s lets nobody in', async (_title, answer) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void server.close());
    const jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { verify } = verifierOf(createOidc({ ...oidcConfig(issuer), jwksUri }, log));
    expect(await verify(await newToken())).toBeNull();
    const right = createOidc({ ...oidcConfig(issuer), jwksUri: `${issuer.url}/jwks` }, log);
    expect(await right.verify(await newToken())).not.toBeNull();
  });
});

/** With the method bound, so that it can be handed around. */
const verifierOf = (oidc: ReturnType<typeof createOidc>) => ({
  verify: (token: string) => oidc.verify(token),
});
