-- What keeps lists and searches as fast in a registry of years as in a new one: test/api/query-plans.test.ts found what was missing.

-- Requests by time, whatever became of them, and those of one channel.
CREATE INDEX "promotion_request_workspace_id_created_at_id_idx" ON "promotion_request"("workspace_id", "created_at", "id");
CREATE INDEX "promotion_request_workspace_id_channel_id_created_at_id_idx" ON "promotion_request"("workspace_id", "channel_id", "created_at", "id");

-- Prompts of an owner, in the order in which prompts are listed; and the archived ones, which are few.
CREATE INDEX "prompt_workspace_id_owner_slug_idx" ON "prompt"("workspace_id", "owner", "slug");
CREATE INDEX "prompt_archived_idx" ON "prompt"("workspace_id", "slug") WHERE "archived_at" IS NOT NULL;

-- From a time to a place in the log: the first event of that time, of several the one with the lowest number.
CREATE INDEX "event_workspace_id_at_micros_seq_idx" ON "event"("workspace_id", "at_micros", "seq");

-- As before, and time never goes back within a log, whatever the clock does: so a time is a place in it.
CREATE OR REPLACE FUNCTION event_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  last_seq bigint;
  last_hash bytea;
  last_micros bigint;
  open_commit text := current_setting('promptforge.open_commit', true);
BEGIN
  SELECT seq, hash INTO last_seq, last_hash FROM "event_counter" WHERE workspace_id = NEW.workspace_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'workspace % has no event counter', NEW.workspace_id USING ERRCODE = 'foreign_key_violation';
  END IF;
  SELECT at_micros INTO last_micros FROM "event" WHERE workspace_id = NEW.workspace_id AND seq = last_seq;
  NEW.seq := last_seq + 1;
  IF split_part(coalesce(open_commit, ''), ':', 1) = NEW.workspace_id::text THEN
    NEW.commit_seq := split_part(open_commit, ':', 2)::bigint;
  ELSE
    NEW.commit_seq := NEW.seq;
    PERFORM set_config('promptforge.open_commit', NEW.workspace_id || ':' || NEW.seq, true);
    PERFORM pg_notify('promptforge', NEW.workspace_id::text);
  END IF;
  NEW.at_micros := greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint, last_micros);
  NEW.hash_version := 2;
  NEW.prev_hash := last_hash;
  NEW.hash := sha256(last_hash || convert_to(event_hashed_text(NEW), 'UTF8'));
  UPDATE "event_counter" SET seq = NEW.seq, hash = NEW.hash WHERE workspace_id = NEW.workspace_id;
  RETURN NEW;
END
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION event_append() SET search_path = %I, pg_temp', current_schema());
END
$$;

-- Last, because it keeps readers of the log out until the commit.
DROP INDEX "event_workspace_id_at_micros_idx";

-- The same text as before, in two conditions: a repetition of 64 in a regular expression takes 17 microseconds a version, and these few.
-- What is there was checked by the old one; the next migration says so without keeping anybody out.
ALTER TABLE "prompt_version" DROP CONSTRAINT "prompt_version_content_hash_check";
ALTER TABLE "prompt_version"
  ADD CONSTRAINT "prompt_version_content_hash_check" CHECK (octet_length("content_hash") = 71 AND "content_hash" ~ '^sha256:[0-9a-f]+$') NOT VALID;
