import { v7 } from 'uuid';
import type { OidcConfig } from '../../src/server/config-oidc.ts';
import { AUDIENCE, startIssuer } from '../support/issuer.ts';
import type { TestIssuer } from '../support/issuer.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

export interface PeopleWorld {
  readonly issuer: TestIssuer;
  readonly server: TestServer;
  close(): Promise<void>;
}

export function oidcConfig(issuer: TestIssuer): OidcConfig {
  return {
    issuer: issuer.url,
    audience: AUDIENCE,
    jwksUri: null,
    rolesClaim: 'roles',
    algorithms: ['RS256', 'ES256', 'EdDSA'],
  };
}

/** A server where people sign in with the tokens of a real issuer. */
export async function startPeopleWorld(times: { readonly cooldownMs?: number } = {}): Promise<PeopleWorld> {
  const issuer = await startIssuer();
  const server = await startTestServer({ config: { oidc: oidcConfig(issuer) }, times });
  return {
    issuer,
    server,
    close: async () => {
      await server.close();
      await issuer.stop();
    },
  };
}

/** Somebody whom nobody has seen yet. */
export const somebody = () => `person-${v7()}`;

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** What is answered to a credential, byte for byte, but for the id of the request. */
export async function answerTo(
  { url }: TestServer,
  token: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(token), ...headers },
    body: '{"query":"{ viewer { role actor { kind name } workspace { slug } } }"}',
  });
  const sent = [...response.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date');
  return JSON.stringify([response.status, sent, await response.text()]);
}
