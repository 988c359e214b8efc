import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import { Provider } from 'oidc-provider';
import type { Adapter, AdapterPayload, Configuration } from 'oidc-provider';
import { v7 } from 'uuid';

const SECRET = 'the secret of every client of the test issuer';
export const AUDIENCE = 'promptforge';

type Algorithm = 'RS256' | 'ES256' | 'EdDSA';

/** What the issuer says of somebody. */
interface Claims {
  readonly roles?: unknown;
  readonly name?: string;
  readonly email?: string;
}

interface TokenWish extends Claims {
  readonly audience?: string;
  readonly algorithm?: Algorithm;
  readonly ttlS?: number;
}

export interface TestIssuer {
  readonly url: string;
  /** How often its keys were fetched. */
  readonly keyFetches: () => number;
  /** An access token, asked for at the token endpoint as the subject. */
  token(subject: string, wish?: TokenWish): Promise<string>;
  /** A token that it has not given out, signed with its newest key all the same. */
  sign(payload: JWTPayload): Promise<string>;
  publicKey(algorithm: Algorithm): JWK;
  /** From now on it signs with other keys, and publishes no others. */
  rotate(): Promise<void>;
  stop(): Promise<void>;
  /** Again on its old address. */
  restart(): Promise<void>;
}

/** A real OpenID provider on a port of this machine. Everybody is a client of it; what it says of them is asked for with the token. */
export async function startIssuer(): Promise<TestIssuer> {
  const wishes = new Map<string, TokenWish>();
  let keys = await newKeys();
  let fetches = 0;
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  let provider = newProvider(url, keys, wishes);
  serve(server);

  function serve(on: Server): void {
    on.on('request', (req, res) => {
      if (req.url === '/jwks') fetches += 1;
      void provider.callback()(req, res);
    });
  }

  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url,
    keyFetches: () => fetches,
    token: async (subject, wish = {}) => {
      wishes.set(subject, wish);
      return requestToken(url, subject);
    },
    sign: async (payload) => {
      const jwk = ofAlgorithm(keys, 'RS256');
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'RS256', kid: jwk.kid ?? '' })
        .sign(await importJWK(jwk, 'RS256'));
    },
    publicKey: (algorithm) => {
      const { kty, kid, alg, n, e } = ofAlgorithm(keys, algorithm);
      return Object.fromEntries(
        Object.entries({ kty, kid, alg, n, e }).filter(([, value]) => value !== undefined),
      );
    },
    rotate: async () => {
      keys = await newKeys();
      provider = newProvider(url, keys, wishes);
    },
    stop,
    restart: async () => {
      server = await listen(port);
      serve(server);
    },
  };
}

function ofAlgorithm(keys: readonly JWK[], algorithm: Algorithm): JWK {
  const found = keys.find(({ alg }) => alg === algorithm);
  if (found === undefined) throw new Error(`the issuer has no key for ${algorithm}`);
  return found;
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

async function newKeys(): Promise<JWK[]> {
  return Promise.all(
    (['RS256', 'ES256', 'EdDSA'] as const).map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: v7() };
    }),
  );
}

async function requestToken(url: string, subject: string): Promise<string> {
  const response = await fetch(`${url}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: subject,
      client_secret: SECRET,
      resource: 'https://promptforge.example',
    }),
  });
  const answer = (await response.json()) as { access_token?: string };
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

function newProvider(url: string, keys: readonly JWK[], wishes: ReadonlyMap<string, TokenWish>): Provider {
  const configuration: Configuration = {
    adapter: createAdapter,
    jwks: { keys: [...keys] as NonNullable<Configuration['jwks']>['keys'] },
    clientAuthMethods: ['client_secret_post'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, _resource, client) => {
          const { audience = AUDIENCE, algorithm = 'RS256', ttlS = 600 } = wishes.get(client.clientId) ?? {};
          return {
            scope: '',
            audience,
            accessTokenTTL: ttlS,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: algorithm } },
          };
        },
      },
    },
    extraTokenClaims: (_ctx, token) => {
      const { roles, name, email } = wishes.get(token.clientId ?? '') ?? {};
      return { roles, name, email };
    },
  };
  return new Provider(url, configuration);
}

/** Everybody who asks is a client, under any name. */
function createAdapter(model: string): Adapter {
  const rows = new Map<string, AdapterPayload>();
  return {
    find: async (id) => (model === 'Client' ? clientOf(id) : rows.get(id)),
    upsert: async (id, payload) => void rows.set(id, payload),
    destroy: async (id) => void rows.delete(id),
    consume: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    revokeByGrantId: async () => undefined,
  };
}

function clientOf(id: string): AdapterPayload {
  return {
    client_id: id,
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_post',
  };
}
