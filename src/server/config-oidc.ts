import { z } from 'zod';
import { isTrustworthy } from './issuer-keys.ts';

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
type Algorithm = (typeof ALGORITHMS)[number];

/** Whose tokens people sign in with. */
export interface OidcConfig {
  readonly issuer: string;
  readonly audience: string;
  /** Null: the issuer's discovery document says. */
  readonly jwksUri: string | null;
  readonly rolesClaim: string;
  readonly algorithms: readonly Algorithm[];
}

const address = z.string().refine(isTrustworthy);
const algorithms = z.string().transform((text, context): Algorithm[] => {
  const list = text.split(',').map((name) => name.trim());
  const known = list.filter((name): name is Algorithm => (ALGORITHMS as readonly string[]).includes(name));
  if (known.length < list.length) context.addIssue({ code: 'custom', message: 'no algorithm' });
  return known;
});

const HTTPS = 'must be an https address (http only on this machine)';

export const OIDC_VARIABLES = {
  OIDC_ISSUER: { schema: address, says: `${HTTPS}, for example https://login.example.com` },
  OIDC_AUDIENCE: {
    schema: z.string().min(1).max(500),
    says: 'must be the audience that tokens for this server have, for example promptforge',
  },
  OIDC_JWKS_URI: { schema: address, says: `${HTTPS}, for example https://login.example.com/jwks` },
  OIDC_ROLES_CLAIM: {
    schema: z.string().min(1).max(200),
    says: 'must be the name or dotted path of a claim, for example realm_access.roles',
  },
  OIDC_ALGORITHMS: {
    schema: algorithms,
    says: `must be public-key algorithms separated by commas, of ${ALGORITHMS.join(', ')}, for example RS256,ES256`,
  },
} as const;

type Values = {
  readonly [N in keyof typeof OIDC_VARIABLES]?: z.output<(typeof OIDC_VARIABLES)[N]['schema']>;
};

/** Null: people do not sign in here. */
export function oidcOf(values: Values): OidcConfig | null {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience } = values;
  if (issuer === undefined || audience === undefined) return null;
  return {
    issuer,
    audience,
    jwksUri: values.OIDC_JWKS_URI ?? null,
    rolesClaim: values.OIDC_ROLES_CLAIM ?? 'roles',
    algorithms: values.OIDC_ALGORITHMS ?? ['RS256', 'ES256', 'EdDSA'],
  };
}

/** What the variables say only together. A token that is good for anybody would let everybody of the issuer in. */
export function oidcFaults(isSet: (name: keyof typeof OIDC_VARIABLES) => boolean): string[] {
  const names = Object.keys(OIDC_VARIABLES) as (keyof typeof OIDC_VARIABLES)[];
  if (!names.some(isSet)) return [];
  return (['OIDC_ISSUER', 'OIDC_AUDIENCE'] as const)
    .filter((name) => !isSet(name))
    .map(
      (name) => `${name} is missing: the other variables of OIDC need it; it ${OIDC_VARIABLES[name].says}`,
    );
}
