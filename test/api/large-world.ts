import pg from 'pg';
import { v7 } from 'uuid';
import { createApp } from '../../src/actions/app.ts';
import { openDatabase } from '../../src/db/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { seedLarge } from '../support/seed-large.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

/** A prompt with a long history, and one of many. */
export const DEEP = 'deep-000/prompt-000001';
export const ORDINARY = 'topic-040/prompt-004021';
const ADMIN_KEY = `pf_live_${'0'.repeat(12)}_${'2'.repeat(64)}`;
export const OPERATOR_KEY = `pf_live_${'0'.repeat(12)}_${'1'.repeat(64)}`;

// Of everything that grows so much that the planner chooses as it does at scale, in workspaces enough that naming one is not selective.
const REST = `
  INSERT INTO "workspace" (id, slug, name, created_at) SELECT gen_random_uuid(), 'few-' || n, 'few', now() FROM generate_series(1, 400) AS n;
  INSERT INTO "channel" (workspace_id, id, name, created_at) SELECT w.id, gen_random_uuid(), 'c-' || n, now() FROM "workspace" w, generate_series(1, 5) AS n;
  INSERT INTO "event_counter" (workspace_id, seq, hash) SELECT id, 0, '' FROM "workspace" WHERE slug LIKE 'few-%';
  INSERT INTO "api_key" (workspace_id, id, name, role, scopes, secret_hash, created_at)
    SELECT w.id, gen_random_uuid(), 'key ' || n, 'VIEWER', '{}', sha256((w.id || ' ' || n)::bytea), now() FROM "workspace" w, generate_series(1, 20) AS n WHERE slug LIKE 'few-%';
  INSERT INTO "member" (workspace_id, id, issuer, subject, name, created_at, last_seen_at)
    SELECT w.id, gen_random_uuid(), 'https://issuer', 'subject ' || n, 'member ' || n, now(), now() FROM "workspace" w, generate_series(1, 20) AS n WHERE slug LIKE 'few-%';
  INSERT INTO "stream_node" (workspace_id, node_id, seen_at) SELECT id, gen_random_uuid(), now() + interval '1 day' FROM "workspace" WHERE slug LIKE 'few-%';
  CREATE TEMPORARY TABLE large AS SELECT id FROM "workspace" WHERE slug IN ('default', 'second', 'third');
  INSERT INTO "api_key" (workspace_id, id, name, role, scopes, secret_hash, created_at, revoked_at)
    SELECT l.id, gen_random_uuid(), 'key ' || n, 'VIEWER', '{}', sha256((l.id || ' ' || n)::bytea), now() - n * interval '1 min', CASE WHEN n % 3 > 0 THEN now() END
    FROM large l, generate_series(1, 2000) AS n;
  INSERT INTO "member" (workspace_id, id, issuer, subject, name, created_at, last_seen_at)
    SELECT l.id, gen_random_uuid(), 'https://issuer', 'subject ' || n, 'member ' || n, now(), now() FROM large l, generate_series(1, 2000) AS n;
  INSERT INTO "channel_policy" (workspace_id, id, channel_id, pattern, promoter_role, approvals, self_approval, rejection_blocks, reason_required, soak_minutes, auto_apply, request_hours, created_at, updated_at)
    SELECT c.workspace_id, gen_random_uuid(), c.id, 'other-' || n || '/*', 'RELEASER', 1, false, true, false, 0, false, 24, now(), now()
    FROM "channel" c, generate_series(1, 300) AS n WHERE c.name IN ('stable', 'c-1') AND c.workspace_id IN (SELECT id FROM large);
  INSERT INTO "promotion_request" (workspace_id, id, prompt_id, channel_id, version_id, content_hash, status, requester_kind, requester_id, requester_name, created_at, expires_at, closed_at)
    SELECT v.workspace_id, gen_random_uuid(), v.prompt_id, c.id, v.id, v.content_hash, CASE WHEN open THEN 'OPEN' ELSE 'SUPERSEDED' END::promotion_request_status,
      'API_KEY', 'seed', 'seed', v.created_at, now() + interval '1 day', CASE WHEN NOT open THEN now() END
    FROM "prompt_version" v JOIN "channel" c ON c.workspace_id = v.workspace_id AND c.name = 'c-1', LATERAL (SELECT v.number = 5 AND right(v.id::text, 1) = '0' AS open) AS o
    WHERE v.number IN (4, 5);
  INSERT INTO "promotion_review" (workspace_id, id, request_id, prompt_id, ordinal, decision, content_hash, reviewer_kind, reviewer_id, reviewer_name, created_at)
    SELECT r.workspace_id, gen_random_uuid(), r.id, r.prompt_id, n, 'APPROVE', r.content_hash, 'USER', 'reviewer ' || n, 'reviewer', now()
    FROM "promotion_request" r, generate_series(1, 1) AS n;
  INSERT INTO "version_usage" (workspace_id, prompt_id, version, minute, channel, actor_id, actor_kind, actor_name, fetched, pushed)
    SELECT p.workspace_id, p.id, 5, date_trunc('minute', now()) - n * interval '7 min', 'stable', 'seed', 'API_KEY', 'seed', 1, 1 FROM "prompt" p, generate_series(1, 3) AS n;
  INSERT INTO "version_usage_hour" (workspace_id, prompt_id, version, hour, channel, actor_id, actor_kind, actor_name, fetched, pushed)
    SELECT p.workspace_id, p.id, 5, date_trunc('hour', now()) - n * interval '50 h', 'stable', 'seed', 'API_KEY', 'seed', 1, 1 FROM "prompt" p, generate_series(1, 3) AS n;
  INSERT INTO "stream_node" (workspace_id, node_id, seen_at) SELECT l.id, gen_random_uuid(), now() + interval '1 day' FROM large l, generate_series(1, 3) AS n;
  INSERT INTO "stream_subscriber" (workspace_id, node_id, id, channel, transport, actor_id, actor_kind, actor_name, since, instance)
    SELECT s.workspace_id, s.node_id, n, CASE WHEN n % 10 = 0 THEN 'stable' ELSE 'c-1' END, 'SSE', 'seed', 'API_KEY', 'seed', now(), 'web-' || n
    FROM "stream_node" s, generate_series(1, CASE WHEN s.workspace_id IN (SELECT id FROM large) THEN 200 ELSE 10 END) AS n;
  INSERT INTO "applied_cursor" (workspace_id, actor_id, channel, instance, seq, cursor, at)
    SELECT s.workspace_id, s.actor_id, s.channel, s.node_id || s.instance, 1, 'AQAAAAAAAAAJW5diMNEm0Kg', now() FROM "stream_subscriber" s;
  INSERT INTO "idempotency_key" (workspace_id, actor_id, mutation, key, input_hash, created_at)
    SELECT l.id, 'seed', 'editPrompt', n, '', now() FROM large l, generate_series(1, 5000) AS n;
  INSERT INTO "audit_checkpoint" (workspace_id, seq, hash, at, key_id, signature, published_at) SELECT l.id, n, '', now(), 'k', '', now() FROM large l, generate_series(1, 1000) AS n;
  UPDATE "prompt" SET archived_at = now() WHERE right(id::text, 2) = '00'`;

/** A server over a registry of about 14,000 prompts, 66,000 versions and 90,000 events, most of them of its own workspace. */
export async function startLargeServer(): Promise<TestServer> {
  const database = await createTestDatabase();
  await makeWorkspaces(database.url);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await seedLarge(client, [
    { workspace: 'default', prompts: 6_000, versions: 5, templateBytes: 120 },
    { workspace: 'default', name: 'deep', prompts: 2, versions: 2_000, templateBytes: 120 },
    { workspace: 'second', prompts: 4_000, versions: 5, templateBytes: 120 },
    { workspace: 'third', prompts: 4_000, versions: 3, templateBytes: 120 },
  ]);
  await client.query(`SET session_replication_role = replica; ${REST}`);
  await client.query('VACUUM (ANALYZE)');
  await client.end();
  const keys = { adminKey: ADMIN_KEY, operatorKey: OPERATOR_KEY };
  const server = await startTestServer({ database, config: keys });
  return {
    ...server,
    close: async () => {
      await server.close();
      await database.drop();
    },
  };
}

async function makeWorkspaces(connectionString: string): Promise<void> {
  const opened = openDatabase({ address: { connectionString }, onIdleError: () => undefined });
  const app = createApp({
    writer: opened.writer,
    onCommit: async () => undefined,
    clock: () => new Date(),
    newId: () => v7(),
  });
  for (const slug of ['default', 'second', 'third']) await app.ensureWorkspace({ slug, name: slug });
  await opened.close();
}
