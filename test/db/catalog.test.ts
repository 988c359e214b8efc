import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { catalogLines, functionLines } from './catalog-lines.ts';

const ROOT = join(import.meta.dirname, '..', '..');

let migrated: TestDatabase;

beforeAll(async () => {
  migrated = await createTestDatabase();
});

afterAll(async () => {
  await migrated.drop();
});

describe('a migrated database', () => {
  // Changed on purpose? Then `npx vitest run test/db/catalog.test.ts -u`, and read the difference.
  it('is made of exactly what the committed snapshot lists', async () => {
    const lines = [...(await catalogLines(migrated)), ...(await functionLines(migrated))];
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('catalog.snapshot.txt');
  });
});

describe('prisma/schema.prisma', () => {
  let modelled: TestDatabase;

  beforeAll(async () => {
    modelled = await createTestDatabase({ empty: true });
    const { stdout } = await promisify(execFile)(process.execPath, ['scripts/schema-sql.mjs'], {
      cwd: ROOT,
      maxBuffer: 1e7,
    });
    await modelled.query(stdout);
  });

  afterAll(async () => {
    await modelled.drop();
  });

  it('differs from the migrations in nothing but what a model cannot say', async () => {
    const kinds = ['enum', 'table', 'column', 'index', 'constraint'] as const;
    const model = await catalogLines(modelled, [...kinds]);
    const real = await catalogLines(migrated, [...kinds]);
    expect(model.filter((line) => !real.includes(line))).toEqual(MODEL_ONLY);
    const checks = / CHECK \(/;
    expect(real.filter((line) => !model.includes(line) && !checks.test(line))).toEqual(MIGRATIONS_ONLY);
    expect(model.filter((line) => checks.test(line))).toEqual([]);
  });
});

// What the heads of the migrations explain, and the indexes that a model cannot name.
const LATEST_KEY =
  'constraint prompt prompt_workspace_id_id_latest_number_fkey: FOREIGN KEY (workspace_id, id, latest_number) REFERENCES prompt_version(workspace_id, prompt_id, number)';
const MODEL_ONLY = [
  'table applied_cursor, rls false',
  'table event_counter, rls false',
  'table stream_place, rls false',
  'column applied_cursor.actor_id text not null',
  'column applied_cursor.channel text not null',
  'column applied_cursor.cursor text not null',
  'column applied_cursor.instance text not null',
  'column channel.name text not null',
  'column prompt.slug text not null',
  'column prompt.tags text[]',
  'column stream_place.id text not null',
  'column stream_subscriber.channel text not null',
  'column stream_subscriber.id text not null',
  'column stream_subscriber.instance text',
  'column stream_subscriber.place_id text',
  'column version_usage.actor_id text not null',
  'column version_usage.channel text not null',
  'column version_usage_hour.actor_id text not null',
  'column version_usage_hour.channel text not null',
  LATEST_KEY,
  'constraint stream_subscriber stream_subscriber_workspace_id_channel_fkey: FOREIGN KEY (workspace_id, channel) REFERENCES channel(workspace_id, name) ON UPDATE RESTRICT ON DELETE RESTRICT',
];
const MIGRATIONS_ONLY = [
  'table applied_cursor with fillfactor=50, rls false',
  'table event_counter with fillfactor=10, rls false',
  'table stream_place with fillfactor=50, rls false',
  'column applied_cursor.actor_id text collate C not null',
  'column applied_cursor.channel text collate C not null',
  'column applied_cursor.cursor text collate C not null',
  'column applied_cursor.instance text collate C not null',
  'column channel.name text collate C not null',
  'column prompt.slug text collate C not null',
  'column prompt.tags text[] not null',
  'column stream_place.id text collate C not null',
  'column stream_subscriber.channel text collate C not null',
  'column stream_subscriber.id text collate C not null',
  'column stream_subscriber.instance text collate C',
  'column stream_subscriber.place_id text collate C',
  'column version_usage.actor_id text collate C not null',
  'column version_usage.channel text collate C not null',
  'column version_usage_hour.actor_id text collate C not null',
  'column version_usage_hour.channel text collate C not null',
  'index CREATE INDEX audit_checkpoint_unpublished_idx ON public.audit_checkpoint USING btree (at) WHERE (published_at IS NULL)',
  "index CREATE INDEX promotion_request_expiry_idx ON public.promotion_request USING btree (expires_at) WHERE (status = 'OPEN'::promotion_request_status)",
  'index CREATE INDEX prompt_archived_idx ON public.prompt USING btree (workspace_id, slug) WHERE (archived_at IS NOT NULL)',
  'index CREATE INDEX prompt_search_text_idx ON public.prompt_search USING gin (text gin_trgm_ops)',
  "index CREATE INDEX version_usage_age_idx ON public.version_usage USING btree ((minute AT TIME ZONE 'UTC'::text))",
  "index CREATE INDEX version_usage_hour_age_idx ON public.version_usage_hour USING btree ((hour AT TIME ZONE 'UTC'::text))",
  "index CREATE UNIQUE INDEX promotion_request_open_key ON public.promotion_request USING btree (workspace_id, channel_id, version_id) WHERE (status = 'OPEN'::promotion_request_status)",
  `${LATEST_KEY} DEFERRABLE INITIALLY DEFERRED`,
];
