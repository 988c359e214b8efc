import { expect } from 'vitest';
import type { TestServer } from '../support/server.ts';

/** All rows of all tables as text. */
export async function everything(server: TestServer, except: readonly string[] = []): Promise<string> {
  const tables = await server.database.query<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`,
  );
  expect(tables.length).toBeGreaterThan(8);
  const texts = await Promise.all(
    tables
      .filter(({ name }) => !except.includes(name))
      .map(async ({ name }) => {
        const rows = await server.database.query<{ row: string }>(
          `SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM ${name} t ORDER BY 1`,
        );
        return `${name}\n${rows.map(({ row }) => row).join('\n')}`;
      }),
  );
  return texts.join('\n');
}
