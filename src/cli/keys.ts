import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import { createApp } from '../actions/app.ts';
import type { App } from '../actions/app.ts';
import { openDatabase } from '../db/client.ts';
import type { Reader } from '../db/client.ts';
import { connectToRunningEmbedded } from '../db/embedded-server.ts';
import { serverRoleName } from '../db/server-role.ts';
import { systemActor } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { scopesOf } from '../domain/actor-role.ts';
import type { Role } from '../domain/actor-role.ts';
import { DEFAULT_WORKSPACE } from '../server/bootstrap.ts';
import { parseConfig } from '../server/config.ts';
import type { Config } from '../server/config.ts';
import { migrateDatabase, openDatabaseServer, usableRole } from '../server/database-address.ts';
import type { OpenedDatabase } from '../server/database-address.ts';
import { createLog } from '../server/log.ts';
import type { Log } from '../server/log.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { fail, MIGRATIONS_DIRECTORY } from './serve.ts';

export interface CreateKeyOptions {
  readonly admin?: true;
  readonly reader?: true;
  readonly name?: string;
  readonly json: boolean;
}

export async function createKey({ admin, reader, name, json }: CreateKeyOptions): Promise<void> {
  if ((admin === true) === (reader === true))
    throw new CliError(EXIT_CODE.USAGE, 'say which key: --admin or --reader');
  const role: Role = admin === true ? 'ADMIN' : 'VIEWER';
  const created = await throughTheDoor(({ app, actor }) =>
    app.createApiKey(actor, {
      name: name ?? role.toLowerCase(),
      role,
      scopes: scopesOf(role),
      secret: randomBytes(32),
    }),
  );
  process.stdout.write(json ? `${JSON.stringify({ ...created, role })}\n` : `${created.key}\n`);
}

export async function listKeys({ json }: { readonly json: boolean }): Promise<void> {
  const rows = await throughTheDoor(({ reader, actor: { workspaceId } }) =>
    reader.apiKey.findMany({
      where: { workspaceId },
      orderBy: { id: 'asc' },
      select: { id: true, name: true, role: true, createdAt: true, revokedAt: true },
    }),
  );
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else for (const row of rows) process.stdout.write(keyLine(row));
}

export async function revokeKey(id: string): Promise<void> {
  await throughTheDoor(({ app, actor }) => app.revokeApiKey(actor, { id }));
  process.stdout.write(`revoked ${id}\n`);
}

function keyLine(row: {
  id: string;
  name: string;
  role: Role;
  createdAt: Date;
  revokedAt: Date | null;
}): string {
  const state = row.revokedAt === null ? 'active' : `revoked ${row.revokedAt.toISOString()}`;
  return `${row.id}  ${row.role.padEnd(6)}  ${row.createdAt.toISOString()}  ${state}  ${row.name}\n`;
}

interface Door {
  readonly app: App;
  readonly reader: Reader;
  readonly actor: Actor;
}

/** Whoever can open the database: nobody asked for a name. The trail shows by which way it came. */
function atTheDoor(workspaceId: string): Actor {
  const userAgent = 'promptforge keys';
  return { ...systemActor(workspaceId), origin: { sourceAddress: null, userAgent, requestId: null } };
}

/** Opens the database as the environment names it: the running embedded server's, if one runs, else one started for the moment. */
async function throughTheDoor<T>(work: (door: Door) => Promise<T>): Promise<T> {
  try {
    return await openAndWork(work);
  } catch (error) {
    return fail('promptforge keys', error);
  }
}

async function openAndWork<T>(work: (door: Door) => Promise<T>): Promise<T> {
  const config = parseConfig(process.env, { isTTY: process.stderr.isTTY });
  const log = createLog({
    level: config.logLevel === 'info' ? 'warn' : config.logLevel,
    format: config.logFormat,
  });
  const opened = await openForCommand(config, log);
  const database = openDatabase({
    address: opened.address,
    role: opened.role,
    onIdleError: (error) => log.warn(error.message),
  });
  try {
    const app = createApp({
      writer: database.writer,
      onCommit: async () => undefined,
      clock: () => new Date(),
      newId: () => v7(),
    });
    const { id } = await app.ensureWorkspace(DEFAULT_WORKSPACE);
    return await work({ app, reader: database.reader, actor: atTheDoor(id) });
  } finally {
    await database.close();
    await opened.stop();
  }
}

async function openForCommand(
  config: Config,
  log: Log,
): Promise<OpenedDatabase & { role: string | undefined }> {
  const running = config.databaseUrl === null ? await connectToRunningEmbedded(config.dataDirectory) : null;
  // Not migrated: the server that runs may be of another version.
  if (running !== null) {
    const role = await usableRole(running, serverRoleName(running.database), log);
    return { address: running, ownerAddress: null, dataDirectory: null, role, stop: async () => undefined };
  }
  const opened = await openDatabaseServer(config, log);
  return { ...opened, role: await migrateDatabase(opened, MIGRATIONS_DIRECTORY, log) };
}
