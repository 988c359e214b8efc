import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { pino } from 'pino';
import { v7 } from 'uuid';
import { createApp } from '../../src/actions/app.ts';
import type { App } from '../../src/actions/app.ts';
import { openDatabase } from '../../src/db/client.ts';
import { systemActor } from '../../src/domain/actor.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { scopesOf } from '../../src/domain/actor-role.ts';
import type { Role } from '../../src/domain/actor-role.ts';
import { unusedQuery } from '../../src/schema/builder.ts';
import type { Config } from '../../src/server/config.ts';
import { startServer } from '../../src/server/server.ts';
import type { ServerOptions } from '../../src/server/server.ts';
import { createTestDatabase } from './database.ts';
import type { TestDatabase } from './database.ts';

export const MIGRATIONS_DIRECTORY = join(import.meta.dirname, '..', '..', 'prisma', 'migrations');

interface Answer<Data> {
  /** The data of an answer without errors; throws with everything that helps otherwise. */
  data(): Data;
  errors(): readonly {
    message: string;
    path?: readonly (string | number)[];
    extensions?: { code?: string; field?: string };
  }[];
  readonly status: number;
  readonly headers: Headers;
}

export interface TestServer {
  readonly url: string;
  readonly adminKey: string;
  readonly database: TestDatabase;
  /** Every statement since the last clear(). */
  readonly statements: string[];
  /** Every line that was logged, parsed. */
  readonly logged: { level: number; msg: string; [field: string]: unknown }[];
  execute<Data, Variables>(
    document: TypedDocumentNode<Data, Variables> | string,
    variables?: Variables,
    options?: { readonly key?: string },
  ): Promise<Answer<Data>>;
  /** Fetches a path with the admin key, unless the headers say otherwise. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  createKey(role: Role): Promise<{ id: string; key: string }>;
  /** The actions, past the API, as the command line has them; and who does them in a workspace. */
  readonly app: App;
  systemOf(slug: string): Promise<Actor>;
  revokeKey(id: string): Promise<void>;
  close(): Promise<void>;
}

const TEST_CONFIG: Omit<Config, 'databaseUrl'> = {
  migrationUrl: null,
  host: '127.0.0.1',
  port: 0,
  dataDirectory: '/nowhere',
  adminKey: null,
  operatorKey: null,
  demo: false,
  corsOrigins: [],
  oidc: null,
  auditCheckpoints: null,
  auditSigningKey: null,
  logLevel: 'info',
  logFormat: 'json',
  trustedProxies: [],
  rateLimits: { key: 0, address: 0 },
  snapshot: { bytesMax: 256 * 1024 * 1024, warmUp: false },
  graphql: { introspection: true, graphiql: true, suggestions: true },
  trustedDocuments: null,
};

/** The real server on a database of its own. Give `database` to put a second node on the same one (then `adminKey` is yours to know). */
export async function startTestServer(
  options: {
    readonly config?: Partial<Config>;
    readonly database?: TestDatabase;
    readonly times?: NonNullable<ServerOptions['times']>;
  } = {},
): Promise<TestServer> {
  unusedQuery.report = (info) => {
    throw new Error(`the planned query of ${info.parentType.name}.${info.fieldName} was not used`);
  };
  const database = options.database ?? (await createTestDatabase());
  const statements: string[] = [];
  const logged: TestServer['logged'] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const server = await startServer({
    config: { ...TEST_CONFIG, databaseUrl: database.url, ...options.config },
    migrationsDirectory: MIGRATIONS_DIRECTORY,
    log,
    onQuery: (sql) => statements.push(sql),
    // Nobody asks a server of a test that has ended.
    times: { lingerMs: 0, ...options.times },
  });
  const adminKey = server.firstKey ?? options.config?.adminKey ?? '';
  const door = openDoor(database);
  return {
    url: server.url,
    adminKey,
    database,
    statements,
    logged,
    execute: (document, variables, { key = adminKey } = {}) => execute(server.url, key, document, variables),
    get: (path, headers = {}) =>
      fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${adminKey}`, ...headers } }),
    app: door.app,
    systemOf: (slug) => door.systemOf(slug),
    createKey: (role) => door.createKey(role),
    revokeKey: (id) => door.revokeKey(id),
    close: async () => {
      await server.close();
      await door.close();
      if (options.database === undefined) await database.drop();
    },
  };
}

/** Keys are made past the API, as the CLI does it. */
function openDoor(database: TestDatabase) {
  const opened = openDatabase({ address: { connectionString: database.url }, onIdleError: () => undefined });
  const app = createApp({
    writer: opened.writer,
    onCommit: async () => undefined,
    clock: () => new Date(),
    newId: () => v7(),
  });
  const systemOf = async (slug: string): Promise<Actor> => {
    const { id } = await opened.reader.workspace.findUniqueOrThrow({ where: { slug } });
    return systemActor(id);
  };
  const actor = () => systemOf('default');
  return {
    app,
    systemOf,
    createKey: async (role: Role) =>
      app.createApiKey(await actor(), {
        name: `${role} of a test`,
        role,
        scopes: scopesOf(role),
        secret: randomBytes(32),
      }),
    revokeKey: async (id: string) => app.revokeApiKey(await actor(), { id }),
    close: () => opened.close(),
  };
}

async function execute<Data, Variables>(
  url: string,
  key: string,
  document: TypedDocumentNode<Data, Variables> | string,
  variables: Variables | undefined,
): Promise<Answer<Data>> {
  const query = typeof document === 'string' ? document : print(document);
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  const body = parse(text) as { data?: Data; errors?: ReturnType<Answer<Data>['errors']> };
  return {
    status: response.status,
    headers: response.headers,
    errors: () => body.errors ?? [],
    data: () => {
      if (body.data !== undefined && body.data !== null && body.errors === undefined) return body.data;
      const details = {
        query,
        variables,
        status: response.status,
        requestId: response.headers.get('x-request-id'),
        body: text,
      };
      throw new Error(`no clean data: ${JSON.stringify(details, null, 2)}`);
    },
  };
}

function parse(text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch {
    return {};
  }
}
