import type { TestDatabase } from './database.ts';

/** Many events, chained as the trigger chains them, in one statement: through the trigger it would take a commit each. */
export async function addManyEvents(
  database: Pick<TestDatabase, 'query'>,
  workspaceSlug: string,
  count: number,
  payloadBytes = 500,
): Promise<void> {
  await database.query(`
    DO $$
    DECLARE
      e "event";
      counter "event_counter";
    BEGIN
      PERFORM set_config('session_replication_role', 'replica', true);
      SELECT c.* INTO counter FROM "event_counter" c JOIN "workspace" w ON w.id = c.workspace_id WHERE w.slug = '${workspaceSlug}' FOR UPDATE;
      e.workspace_id := counter.workspace_id;
      e.type := 'Probe'; e.actor_kind := 'SYSTEM'; e.actor_id := 'probe'; e.actor_name := 'probe'; e.hash_version := 2;
      e.payload := json_build_object('text', repeat('x', ${payloadBytes}))::text;
      FOR i IN 1..${count} LOOP
        e.seq := counter.seq + i;
        e.commit_seq := e.seq;
        e.at_micros := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
        e.prev_hash := coalesce(e.hash, counter.hash);
        e.hash := sha256(e.prev_hash || convert_to(event_hashed_text(e), 'UTF8'));
        INSERT INTO "event" SELECT e.*;
      END LOOP;
      UPDATE "event_counter" SET seq = e.seq, hash = e.hash WHERE workspace_id = e.workspace_id;
    END
    $$`);
}
