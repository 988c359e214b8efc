import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { serverRoleName } from '../../src/db/server-role.ts';
import { TEMPLATE } from './global-setup.ts';

export interface TestDatabase {
  /** As DATABASE_URL would hold it. */
  readonly url: string;
  readonly name: string;
  /** Runs SQL as the owner, past the application. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

/** A migrated database of its own, cloned from the template. `empty`: without any table. */
export async function createTestDatabase(options: { readonly empty?: boolean } = {}): Promise<TestDatabase> {
  const connection = inject('postgres');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const admin = new pg.Client(connection);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${options.empty === true ? 'template0' : TEMPLATE}`);
  await admin.end();
  const pool = new pg.Pool({ ...connection, database: name, max: 4 });
  pool.on('error', () => undefined);
  return {
    url: databaseUrl(name),
    name,
    query: async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
      (await pool.query<Row>(sql, [...values])).rows,
    drop: async () => {
      await pool.end();
      const dropper = new pg.Client(connection);
      await dropper.connect();
      await dropper.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await dropper.query(`DROP ROLE IF EXISTS ${serverRoleName(name)}`);
      await dropper.end();
    },
  };
}

export function databaseUrl(name: string): string {
  const { host, port, user, password } = inject('postgres');
  const credentials = password === undefined ? user : `${user}:${encodeURIComponent(password)}`;
  return `postgresql://${credentials}@localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`;
}
