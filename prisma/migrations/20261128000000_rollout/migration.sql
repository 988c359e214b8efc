-- The rollout of a promotion: which instance has applied what.
-- What prisma/schema.prisma says (npm run schema:sql), with what Prisma cannot say: names compare by byte, as in the tables of usage, and half of
-- each page is left free. Every instance of a fleet writes its row within a second of a promotion: with room on its page, and no index but the
-- key, the new row replaces the old one without touching the key.
--
-- No foreign keys, as with the counts of usage: written in bulk, by nodes that wait for nobody.

ALTER TABLE "stream_subscriber" ADD COLUMN "instance" TEXT COLLATE "C";

-- seq and cursor are of an event that was there when the row was written, so whatever a restore takes away, it takes from both.
CREATE TABLE "applied_cursor" (
    "workspace_id" UUID NOT NULL,
    "actor_id" TEXT COLLATE "C" NOT NULL,
    "channel" TEXT COLLATE "C" NOT NULL,
    "instance" TEXT COLLATE "C" NOT NULL,
    "seq" BIGINT NOT NULL,
    "cursor" TEXT COLLATE "C" NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "applied_cursor_pkey" PRIMARY KEY ("workspace_id","actor_id","channel","instance")
) WITH (fillfactor = 50);

-- As before, and what instances have applied goes too.
CREATE OR REPLACE FUNCTION delete_workspace(doomed uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM set_config('promptforge.open_door', doomed::text, true);
  DELETE FROM "stream_node" WHERE workspace_id = doomed;
  DELETE FROM "applied_cursor" WHERE workspace_id = doomed;
  DELETE FROM "version_usage" WHERE workspace_id = doomed;
  DELETE FROM "version_usage_hour" WHERE workspace_id = doomed;
  DELETE FROM "idempotency_key" WHERE workspace_id = doomed;
  DELETE FROM "event" WHERE workspace_id = doomed;
  DELETE FROM "event_counter" WHERE workspace_id = doomed;
  DELETE FROM "channel_pointer" WHERE workspace_id = doomed;
  DELETE FROM "promotion" WHERE workspace_id = doomed;
  DELETE FROM "promotion_review" WHERE workspace_id = doomed;
  DELETE FROM "promotion_request" WHERE workspace_id = doomed;
  DELETE FROM "channel_policy" WHERE workspace_id = doomed;
  DELETE FROM "prompt_search" WHERE workspace_id = doomed;
  DELETE FROM "prompt_version" WHERE workspace_id = doomed;
  DELETE FROM "prompt" WHERE workspace_id = doomed;
  DELETE FROM "channel" WHERE workspace_id = doomed;
  DELETE FROM "api_key" WHERE workspace_id = doomed;
  DELETE FROM "member" WHERE workspace_id = doomed;
  DELETE FROM "workspace" WHERE id = doomed;
  PERFORM set_config('promptforge.open_door', '', true);
  -- Its log announces nothing any more: every node looks, finds it gone, and ends what it has of it.
  PERFORM pg_notify('promptforge', doomed::text);
END
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION delete_workspace(uuid) SET search_path = %I, pg_temp', current_schema());
END
$$;
