import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import type { Reader } from '../../src/db/client.ts';
import { isUnavailable } from '../../src/db/database-errors.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database.drop();
});

function open(parameters = '', readerConnectionsMax = 2) {
  const address = { connectionString: `${database.url}${parameters}` };
  const opened = openDatabase({ address, readerConnectionsMax, onIdleError: () => undefined });
  onTestFinished(() => opened.close());
  return opened;
}

async function show(client: Reader, name: string): Promise<unknown> {
  const [row] = await client.$queryRawUnsafe<Record<string, unknown>[]>(
    `SELECT current_setting('${name}') AS value`,
  );
  return row?.['value'];
}

const sleep = async (client: Reader, seconds: number) => {
  await client.$queryRaw`SELECT pg_sleep(${seconds}::float8)::text`;
};

describe('the settings of a session', () => {
  it.each([
    ['', '"$user", public'],
    ['&options=-c%20search_path%3Dpublic', 'public'],
    ['&options=-c+search_path%3Dpublic+-c+TimeZone%3DAsia%2FKathmandu+-c+statement_timeout%3D0', 'public'],
  ])('are ours beside those of the URL, and win: %s', async (parameters, searchPath) => {
    const opened = open(parameters);
    for (const client of [opened.reader, opened.writer, opened.control]) {
      expect(await show(client, 'timezone')).toBe('UTC');
      expect(await show(client, 'statement_timeout')).toBe('15s');
      expect(await show(client, 'search_path')).toBe(searchPath);
    }
    const connection = opened.newConnection();
    await connection.connect();
    onTestFinished(() => connection.end());
    expect((await connection.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '15s' }]);
    expect((await connection.query('SHOW search_path')).rows).toEqual([{ search_path: searchPath }]);
  });
});

describe('the control connections', () => {
  it('are their own: readers that are all busy do not hold them up', async () => {
    const opened = open('', 1);
    let isBusy = true;
    const busy = sleep(opened.reader, 3).finally(() => {
      isBusy = false;
    });
    expect(await show(opened.control, 'application_name')).toBe('promptforge:control');
    expect(isBusy).toBe(true);
    await busy;
  });

  it('give up on an answer after 3 s, which counts as unavailable, and work afterwards', async () => {
    const opened = open();
    const began = Date.now();
    const failures = await Promise.all(
      Array.from({ length: 3 }, () => sleep(opened.control, 6).catch((error: unknown) => error)),
    );
    expect(Date.now() - began).toBeLessThan(4_500);
    expect(failures.map((error) => isUnavailable(error))).toEqual([true, true, true]);
    expect(await show(opened.control, 'timezone')).toBe('UTC');
  });
});
