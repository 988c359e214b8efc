import { z } from 'zod';
import { isAddressRange } from './client-address.ts';
import { OIDC_VARIABLES, oidcFaults, oidcOf } from './config-oidc.ts';
import type { OidcConfig } from './config-oidc.ts';
import { SNAPSHOT_VARIABLES, snapshotOf } from './config-snapshot.ts';
import type { SnapshotConfig } from './config-snapshot.ts';
import { databaseUrlFault } from './database-url.ts';

const KEY_LENGTH_MIN = 24;
const SECRET_LENGTH_MIN = 8;
const RATE_SAYS = 'must be a number of requests a second, for example 2000, or 0 for no limit';
/** Far above what one client has a reason for: it is a client gone wrong that they stop, not a busy one. */
const RATE_LIMIT_KEY = 2_000;
const RATE_LIMIT_ADDRESS = 5_000;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Null: the server starts a PostgreSQL of its own in dataDirectory. */
  readonly databaseUrl: string | null;
  /** The owner of the tables, where databaseUrl names a login of its own; null: the same. */
  readonly migrationUrl: string | null;
  readonly dataDirectory: string;
  readonly adminKey: string | null;
  /** Of whom operates the installation; accepted besides the operator keys in the database. */
  readonly operatorKey: string | null;
  readonly demo: boolean;
  readonly corsOrigins: readonly string[];
  /** Null: people do not sign in here, there are only keys. */
  readonly oidc: OidcConfig | null;
  /** Where signed checkpoints go: stdout, file:/path or an https address; null: beside the embedded database, else nowhere. */
  readonly auditCheckpoints: string | null;
  /** A PKCS#8 PEM or its path; null: the embedded database's own key, else none. */
  readonly auditSigningKey: string | null;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: 'pretty' | 'json';
  /** Addresses and CIDR ranges whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** Requests a second of one key, and of one address; 0: as many as it likes. */
  readonly rateLimits: { readonly key: number; readonly address: number };
  readonly snapshot: SnapshotConfig;
  readonly graphql: GraphqlSwitches;
  /** The file of the only documents that are executed; null: clients send what they like. */
  readonly trustedDocuments: string | null;
}

/** What the graph tells of itself. */
export interface GraphqlSwitches {
  readonly introspection: boolean;
  readonly graphiql: boolean;
  /** "Did you mean ...?" in errors. */
  readonly suggestions: boolean;
}

/** Everything that is wrong with the environment, each with the variable's name, its value's fault and an example. Exit code 78. */
export class ConfigInvalid extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the configuration is wrong:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((value) => value <= 65_535);
const postgresUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\/\S+$/, { abort: true })
  .superRefine((url, context) => {
    const fault = databaseUrlFault(url);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const origins = listOf(isOrigin, 'no origin');

const ranges = listOf(isAddressRange, 'no address or range');
const rate = z
  .string()
  .regex(/^\d{1,7}$/)
  .transform(Number);

const key = {
  schema: z
    .string()
    .regex(/^[\x21-\x7e]+$/)
    .min(KEY_LENGTH_MIN),
  says: `must have at least ${KEY_LENGTH_MIN} visible ASCII characters, for example the output of: openssl rand -hex 32`,
};

const VARIABLES = {
  HOST: { schema: z.string().min(1), says: 'must be a host name or address, for example 127.0.0.1' },
  PORT: { schema: port, says: 'must be a number from 0 to 65535, for example 4000' },
  DATABASE_URL: {
    schema: postgresUrl,
    says: 'must be a PostgreSQL URL, for example postgresql://user:password@localhost:5432/promptforge',
  },
  DATABASE_MIGRATION_URL: {
    schema: postgresUrl,
    says: 'must be a PostgreSQL URL of the role that owns the database, for example postgresql://owner:password@localhost:5432/promptforge',
  },
  PROMPTFORGE_DATA_DIR: { schema: z.string().min(1), says: 'must be a directory, for example .promptforge' },
  PROMPTFORGE_ADMIN_KEY: { ...key },
  PROMPTFORGE_OPERATOR_KEY: { ...key },
  PROMPTFORGE_TRUSTED_DOCUMENTS: {
    schema: z.string().min(1),
    says: 'must be the path of a manifest of documents, for example /etc/promptforge/persisted-documents.json',
  },
  PROMPTFORGE_DEMO: { schema: flag, says: 'must be true or false' },
  CORS_ORIGINS: {
    schema: origins,
    says: 'must be origins separated by commas, for example https://app.example.com,http://localhost:5173',
  },
  ...OIDC_VARIABLES,
  AUDIT_CHECKPOINTS: {
    schema: z.string().refine(isCheckpointTarget),
    says: 'must be stdout, file:/path or an https address, for example file:/var/log/promptforge/checkpoints.jsonl',
  },
  AUDIT_SIGNING_KEY: {
    schema: z.string().min(1),
    says: 'must be the path of an Ed25519 key as PKCS#8 PEM, for example the output of: openssl genpkey -algorithm ed25519',
  },
  LOG_LEVEL: { schema: z.enum(LOG_LEVELS), says: `must be one of ${LOG_LEVELS.join(', ')}` },
  LOG_FORMAT: { schema: z.enum(['pretty', 'json']), says: 'must be pretty or json' },
  TRUSTED_PROXIES: {
    schema: ranges,
    says: 'must be addresses or CIDR ranges separated by commas, for example 10.0.0.0/8,192.0.2.7',
  },
  RATE_LIMIT_KEY: { schema: rate, says: RATE_SAYS },
  RATE_LIMIT_ADDRESS: { schema: rate, says: RATE_SAYS },
  ...SNAPSHOT_VARIABLES,
  INTROSPECTION: { schema: flag, says: 'must be true or false' },
  GRAPHIQL: { schema: flag, says: 'must be true or false' },
  SUGGESTIONS: { schema: flag, says: 'must be true or false' },
} as const;

type Name = keyof typeof VARIABLES;
type Values = { [N in Name]?: z.output<(typeof VARIABLES)[N]['schema']> };

// A secret's value must not stand in a log.
const SECRET: ReadonlySet<Name> = new Set<Name>([
  'PROMPTFORGE_ADMIN_KEY',
  'PROMPTFORGE_OPERATOR_KEY',
  'DATABASE_URL',
  'DATABASE_MIGRATION_URL',
  'AUDIT_CHECKPOINTS',
  'AUDIT_SIGNING_KEY',
]);

/**
 * Parses the environment. Absent and empty variables have their defaults.
 * @throws ConfigInvalid with all faults at once.
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  terminal: { readonly isTTY: boolean },
): Config {
  const faults: string[] = [];
  const values: Values = {};
  for (const name of Object.keys(VARIABLES) as Name[]) {
    const text = env[name];
    if (text === undefined || text === '') continue;
    const { schema, says } = VARIABLES[name];
    const parsed = schema.safeParse(text);
    if (parsed.success) Object.assign(values, { [name]: parsed.data });
    else
      faults.push(
        `${name} ${says}${SECRET.has(name) ? why(parsed.error) : ` (it is ${JSON.stringify(text)})`}`,
      );
  }
  faults.push(...oidcFaults((name) => env[name] !== undefined && env[name] !== ''), ...faultsBetween(values));
  if (faults.length > 0) throw new ConfigInvalid(faults);
  const databaseUrl = values.DATABASE_URL ?? null;
  return {
    host: values.HOST ?? '127.0.0.1',
    port: values.PORT ?? 4_000,
    databaseUrl,
    migrationUrl: values.DATABASE_MIGRATION_URL ?? null,
    dataDirectory: values.PROMPTFORGE_DATA_DIR ?? '.promptforge',
    ...keysOf(values),
    demo: values.PROMPTFORGE_DEMO ?? databaseUrl === null,
    corsOrigins: values.CORS_ORIGINS ?? [],
    oidc: oidcOf(values),
    logLevel: values.LOG_LEVEL ?? 'info',
    logFormat: values.LOG_FORMAT ?? (terminal.isTTY ? 'pretty' : 'json'),
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    rateLimits: rateLimitsOf(values),
    snapshot: snapshotOf(values),
    graphql: graphqlSwitches(values),
    trustedDocuments: values.PROMPTFORGE_TRUSTED_DOCUMENTS ?? null,
  };
}

function keysOf(values: Values) {
  return {
    adminKey: values.PROMPTFORGE_ADMIN_KEY ?? null,
    operatorKey: values.PROMPTFORGE_OPERATOR_KEY ?? null,
    auditCheckpoints: values.AUDIT_CHECKPOINTS ?? null,
    auditSigningKey: values.AUDIT_SIGNING_KEY ?? null,
  };
}

function rateLimitsOf(values: Values): Config['rateLimits'] {
  return {
    key: values.RATE_LIMIT_KEY ?? RATE_LIMIT_KEY,
    address: values.RATE_LIMIT_ADDRESS ?? RATE_LIMIT_ADDRESS,
  };
}

/** Variables that are right by themselves and not together. */
function faultsBetween(values: Values): string[] {
  const faults: string[] = [];
  const { adminKey, operatorKey } = keysOf(values);
  if (operatorKey !== null && operatorKey === adminKey)
    faults.push('PROMPTFORGE_OPERATOR_KEY must not be PROMPTFORGE_ADMIN_KEY: one key cannot be two actors');
  if (values.DATABASE_MIGRATION_URL !== undefined && values.DATABASE_URL === undefined) {
    faults.push(
      'DATABASE_MIGRATION_URL must stand beside DATABASE_URL, which names another login and is not set',
    );
  }
  const needsKey = values.AUDIT_CHECKPOINTS !== undefined && values.AUDIT_SIGNING_KEY === undefined;
  // The embedded database has a key of its own.
  if (needsKey && values.DATABASE_URL !== undefined) {
    faults.push('AUDIT_CHECKPOINTS must stand beside AUDIT_SIGNING_KEY, the key that they are signed with');
  }
  return faults;
}

function graphqlSwitches({ INTROSPECTION, GRAPHIQL, SUGGESTIONS, DATABASE_URL }: Values): GraphqlSwitches {
  const introspection = INTROSPECTION ?? true;
  // Suggestions would tell what introspection may not, name by name.
  const suggestions = introspection && (SUGGESTIONS ?? DATABASE_URL === undefined);
  return { introspection, graphiql: GRAPHIQL ?? true, suggestions };
}

/** A list separated by commas, each entry of which has to be right. */
function listOf(isRight: (entry: string) => boolean, fault: string) {
  return z.string().transform((text, context) => {
    const list = text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
    if (!list.every((entry) => isRight(entry))) context.addIssue({ code: 'custom', message: fault });
    return list;
  });
}

/** What must stand in no line of a log. Of a password too short to be one every other word would be blacked out. */
export function secretsOf(config: Config): readonly string[] {
  const { adminKey, operatorKey, auditSigningKey, databaseUrl, migrationUrl } = config;
  const passwords = [databaseUrl, migrationUrl].map((url) =>
    url !== null && URL.canParse(url) ? new URL(url).password : '',
  );
  // A path is none.
  const pem = auditSigningKey?.includes('PRIVATE KEY') === true ? auditSigningKey : '';
  const secrets = [adminKey ?? '', operatorKey ?? '', pem, ...passwords, ...passwords.map(decoded)];
  return secrets.filter(({ length }) => length >= SECRET_LENGTH_MIN);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** What a secret is refused for, where more than its form is looked at: its value cannot be shown. */
function why({ issues }: z.ZodError): string {
  const [issue] = issues;
  return issue?.code === 'custom' ? ` (${issue.message})` : '';
}

/** An address of this machine may do without TLS. */
function isCheckpointTarget(text: string): boolean {
  if (text === 'stdout') return true;
  if (text.startsWith('file:')) return text.slice('file:'.length).startsWith('/');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== '' || url.password !== '') return false;
  const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere);
}

function isOrigin(text: string): boolean {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && url.origin === text;
  } catch {
    return false;
  }
}
