import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import { createApp } from '../actions/app.ts';
import type { App } from '../actions/app.ts';
import { openDatabase } from '../db/client.ts';
import type { Reader } from '../db/client.ts';
import { connectToRunningEmbedded } from '../db/embedded-server.ts';
import type { ApiKey } from '../db/generated/prisma/client.ts';
import { serverRoleName } from '../db/server-role.ts';
import { systemActor } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { ROLES, scopesOf } from '../domain/actor-role.ts';
import type { Role } from '../domain/actor-role.ts';
import { DEFAULT_WORKSPACE } from '../domain/workspace.ts';
import { ensureOperatorWorkspace } from '../server/bootstrap.ts';
import { parseConfig, secretsOf } from '../server/config.ts';
import type { Config } from '../server/config.ts';
import { migrateDatabase, openDatabaseServer, usableRole } from '../server/database-address.ts';
import type { OpenedDatabase } from '../server/database-address.ts';
import { createLog } from '../server/log.ts';
import type { Log } from '../server/log.ts';
import { CliError } from './cli-error.ts';
import { commaList } from './comma-list.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { fail, MIGRATIONS_DIRECTORY } from './serve.ts';

const SECRET_BYTES = 32;

interface Where {
  readonly workspace?: string;
  readonly operator?: true;
}

export async function createKey(options: CreateKeyOptions): Promise<void> {
  const wish = keyWish(options);
  const created = await throughTheDoor(options, ({ app, actor }) =>
    app.createApiKey(actor, { ...wish, secret: randomBytes(SECRET_BYTES) }),
  );
  print(options.json, { ...created, role: wish.role }, created.key);
}

export async function rotateKey(
  id: string,
  { overlapDays, json, ...where }: Where & { readonly overlapDays: string; readonly json: boolean },
): Promise<void> {
  const rotated = await throughTheDoor(where, ({ app, actor }) =>
    app.rotateApiKey(actor, { id, overlapDays: Number(overlapDays), secret: randomBytes(SECRET_BYTES) }),
  );
  print(json, rotated, rotated.key);
}

export async function listKeys({ json, ...where }: Where & { readonly json: boolean }): Promise<void> {
  const rows = await throughTheDoor(where, ({ reader, actor: { workspaceId } }) =>
    reader.apiKey.findMany({
      where: { workspaceId },
      orderBy: { id: 'asc' },
      omit: { workspaceId: true, secretHash: true, previousSecretHash: true },
    }),
  );
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else for (const row of rows) process.stdout.write(keyLine(row));
}

export async function revokeKey(
  id: string,
  { json, ...where }: Where & { readonly json: boolean },
): Promise<void> {
  await throughTheDoor(where, ({ app, actor }) => app.revokeApiKey(actor, { id }));
  process.stdout.write(json ? `${JSON.stringify({ id, revoked: true })}\n` : `revoked ${id}\n`);
}

function print(json: boolean, facts: object, key: string): void {
  process.stdout.write(json ? `${JSON.stringify(facts)}\n` : `${key}\n`);
}

type ListedKey = Omit<ApiKey, 'workspaceId' | 'secretHash' | 'previousSecretHash'>;

/** Two lines a key: what it is and how it stands; what it may do. */
function keyLine(row: ListedKey): string {
  const { id, role, name, createdAt, lastUsedAt, rotatedAt, previousExpiresAt } = row;
  const facts = [
    ['created', createdAt],
    ['used', lastUsedAt],
    ['rotated', rotatedAt],
    ['former secret until', previousExpiresAt],
  ] as const;
  const dates = facts.flatMap(([what, date]) => (date === null ? [] : [`${what} ${date.toISOString()}`]));
  const limits = (['prompts', 'channels'] as const).flatMap((what) => {
    const list = row[what] as string[] | null;
    return list === null ? [] : [`${what} ${list.join(' ')}`];
  });
  const line = [id, role.padEnd(8), dates.join(', '), stateOf(row), name].join('  ');
  return `${line}\n    ${[row.scopes.join(' '), ...limits].join('; ')}\n`;
}

function stateOf({ revokedAt, expiresAt }: ListedKey): string {
  if (revokedAt !== null) return `revoked ${revokedAt.toISOString()}`;
  if (expiresAt === null) return 'active';
  return `${expiresAt <= new Date() ? 'expired' : 'active until'} ${expiresAt.toISOString()}`;
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
async function throughTheDoor<T>(where: Where, work: (door: Door) => Promise<T>): Promise<T> {
  try {
    return await openAndWork(where, work);
  } catch (error) {
    if (error instanceof CliError) throw error;
    return fail('promptforge keys', error);
  }
}

async function openAndWork<T>(where: Where, work: (door: Door) => Promise<T>): Promise<T> {
  const config = parseConfig(process.env, { isTTY: process.stderr.isTTY });
  const log = createLog({
    level: config.logLevel === 'info' ? 'warn' : config.logLevel,
    format: config.logFormat,
    secrets: secretsOf(config),
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
    const actor = atTheDoor(await workspaceIdOf(where, app, database.reader));
    return await work({ app, reader: database.reader, actor });
  } finally {
    await database.close();
    await opened.stop();
  }
}

/** The two workspaces that every installation has are made when they are not there yet; another one must be. */
async function workspaceIdOf({ workspace, operator }: Where, app: App, reader: Reader): Promise<string> {
  if (operator === true) return ensureOperatorWorkspace(app);
  const slug = workspace ?? DEFAULT_WORKSPACE.slug;
  if (slug === DEFAULT_WORKSPACE.slug) return (await app.ensureWorkspace(DEFAULT_WORKSPACE)).id;
  const row = await reader.workspace.findUnique({ where: { slug }, select: { id: true } });
  if (row === null) throw new CliError(EXIT_CODE.USAGE, `there is no workspace ${JSON.stringify(slug)}`);
  return row.id;
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
  const { role } = await migrateDatabase(opened, MIGRATIONS_DIRECTORY, log);
  return { ...opened, role };
}

/** What `keys create` takes, as commander hands it over. */
export interface CreateKeyOptions {
  readonly admin?: true;
  readonly reader?: true;
  readonly operator?: true;
  readonly role?: string;
  readonly scope?: readonly string[];
  readonly prompts?: string;
  readonly channels?: string;
  readonly expires?: string;
  readonly workspace?: string;
  readonly name?: string;
  readonly json: boolean;
}

/** The key that is asked for. @throws CliError of usage */
function keyWish(options: CreateKeyOptions) {
  const role = roleOf(options);
  return {
    name: options.name ?? role.toLowerCase(),
    role,
    scopes: options.scope ?? scopesByDefault(options, role),
    prompts: options.prompts === undefined ? undefined : commaList(options.prompts),
    channels: options.channels === undefined ? undefined : commaList(options.channels),
    expiresAt: dateOf(options.expires),
  };
}

function roleOf({ admin, reader, operator, role, workspace }: CreateKeyOptions): Role {
  const said = [admin === true, reader === true, operator === true, role !== undefined].filter(Boolean);
  if (said.length !== 1)
    throw new CliError(EXIT_CODE.USAGE, 'say which key: --admin, --reader, --operator or --role <role>');
  if (admin === true) return 'ADMIN';
  if (reader === true) return 'VIEWER';
  if (operator === true) {
    if (workspace !== undefined)
      throw new CliError(EXIT_CODE.USAGE, 'an operator belongs to no workspace: leave out --workspace');
    return 'OPERATOR';
  }
  const found = ROLES.find((name) => name === role?.toUpperCase() && name !== 'OPERATOR');
  if (found === undefined)
    throw new CliError(
      EXIT_CODE.USAGE,
      `--role must be one of ${ROLES.filter((name) => name !== 'OPERATOR').join(', ')}`,
    );
  return found;
}

/** The first key of an administrator is the way back into a workspace: it can do everything. */
function scopesByDefault({ admin }: CreateKeyOptions, role: Role): readonly string[] | undefined {
  return admin === true ? scopesOf(role) : undefined;
}

function dateOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(date.getTime()))
    throw new CliError(
      EXIT_CODE.USAGE,
      '--expires must be a date or a time, such as 2027-01-31 or 2027-01-31T12:00:00Z',
    );
  return date;
}
