import { z } from 'zod';
import { databaseUrlFault } from './database-url.ts';

const KEY_LENGTH_MIN = 24;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Null: the server starts a PostgreSQL of its own in dataDirectory. */
  readonly databaseUrl: string | null;
  readonly dataDirectory: string;
  readonly adminKey: string | null;
  /** Of whom operates the installation; accepted besides the operator keys in the database. */
  readonly operatorKey: string | null;
  readonly demo: boolean;
  readonly corsOrigins: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: 'pretty' | 'json';
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
const origins = z.string().transform((text, context) => {
  const list = text
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
  if (list.some((origin) => !isOrigin(origin))) context.addIssue({ code: 'custom', message: 'no origin' });
  return list;
});

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
  PROMPTFORGE_DATA_DIR: { schema: z.string().min(1), says: 'must be a directory, for example .promptforge' },
  PROMPTFORGE_ADMIN_KEY: { ...key },
  PROMPTFORGE_OPERATOR_KEY: { ...key },
  PROMPTFORGE_DEMO: { schema: flag, says: 'must be true or false' },
  CORS_ORIGINS: {
    schema: origins,
    says: 'must be origins separated by commas, for example https://app.example.com,http://localhost:5173',
  },
  LOG_LEVEL: { schema: z.enum(LOG_LEVELS), says: `must be one of ${LOG_LEVELS.join(', ')}` },
  LOG_FORMAT: { schema: z.enum(['pretty', 'json']), says: 'must be pretty or json' },
} as const;

type Name = keyof typeof VARIABLES;
type Values = { [N in Name]?: z.output<(typeof VARIABLES)[N]['schema']> };

// A secret's value must not stand in a log.
const SECRET: ReadonlySet<Name> = new Set<Name>([
  'PROMPTFORGE_ADMIN_KEY',
  'PROMPTFORGE_OPERATOR_KEY',
  'DATABASE_URL',
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
  const { PROMPTFORGE_ADMIN_KEY: adminKey = null, PROMPTFORGE_OPERATOR_KEY: operatorKey = null } = values;
  if (operatorKey !== null && operatorKey === adminKey)
    faults.push('PROMPTFORGE_OPERATOR_KEY must not be PROMPTFORGE_ADMIN_KEY: one key cannot be two actors');
  if (faults.length > 0) throw new ConfigInvalid(faults);
  const databaseUrl = values.DATABASE_URL ?? null;
  return {
    host: values.HOST ?? '127.0.0.1',
    port: values.PORT ?? 4_000,
    databaseUrl,
    dataDirectory: values.PROMPTFORGE_DATA_DIR ?? '.promptforge',
    adminKey,
    operatorKey,
    demo: values.PROMPTFORGE_DEMO ?? databaseUrl === null,
    corsOrigins: values.CORS_ORIGINS ?? [],
    logLevel: values.LOG_LEVEL ?? 'info',
    logFormat: values.LOG_FORMAT ?? (terminal.isTTY ? 'pretty' : 'json'),
  };
}

/** What a secret is refused for, where more than its form is looked at: its value cannot be shown. */
function why({ issues }: z.ZodError): string {
  const [issue] = issues;
  return issue?.code === 'custom' ? ` (${issue.message})` : '';
}

function isOrigin(text: string): boolean {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && url.origin === text;
  } catch {
    return false;
  }
}
