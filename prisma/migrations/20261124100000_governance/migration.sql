-- Governance: roles and limits of keys, members, what channels demand before they move, requests and reviews, where an event came from.
-- What prisma/schema.prisma says (npm run schema:sql), then what Prisma cannot say: checks, partial indexes, triggers.

CREATE TYPE "role" AS ENUM ('VIEWER', 'EDITOR', 'RELEASER', 'ADMIN', 'SERVICE', 'OPERATOR');
CREATE TYPE "promotion_request_status" AS ENUM ('OPEN', 'APPLIED', 'REJECTED', 'SUPERSEDED', 'EXPIRED', 'CANCELLED');
CREATE TYPE "review_decision" AS ENUM ('APPROVE', 'REJECT');

-- A READER read everything and wrote nothing: that is a VIEWER. Keys that exist keep what they could do; new ones are given their scopes by name.
ALTER TABLE "api_key"
  ALTER COLUMN "role" TYPE "role" USING CASE "role"::text WHEN 'READER' THEN 'VIEWER' ELSE "role"::text END::"role",
  ADD COLUMN "scopes" TEXT[],
  ADD COLUMN "prompts" JSON,
  ADD COLUMN "channels" JSON,
  ADD COLUMN "previous_secret_hash" BYTEA,
  ADD COLUMN "previous_expires_at" TIMESTAMPTZ(3),
  ADD COLUMN "rotated_at" TIMESTAMPTZ(3),
  ADD COLUMN "expires_at" TIMESTAMPTZ(3),
  ADD COLUMN "last_used_at" TIMESTAMPTZ(3);
DROP TYPE "api_key_role";
UPDATE "api_key" SET "scopes" = CASE "role"
  WHEN 'ADMIN' THEN ARRAY['registry:read', 'channels:read', 'prompts:write', 'promotions:request', 'channels:promote', 'channels:rollback',
    'promotions:review', 'promotions:break-glass', 'channels:manage', 'members:manage', 'keys:manage', 'history:import']
  ELSE ARRAY['registry:read', 'channels:read'] END;

ALTER TABLE "promotion"
  ADD COLUMN "request_id" UUID,
  ADD COLUMN "break_glass" BOOLEAN NOT NULL DEFAULT false;

ALTER TABLE "event"
  ADD COLUMN "source_address" TEXT,
  ADD COLUMN "user_agent" TEXT,
  ADD COLUMN "request_id" TEXT,
  ALTER COLUMN "hash_version" SET DEFAULT 2;

-- CreateTable
CREATE TABLE "member" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "issuer" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT,
    "claimed_role" "role",
    "role" "role",
    "grants" JSON NOT NULL DEFAULT '[]',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "suspended_at" TIMESTAMPTZ(3),

    CONSTRAINT "member_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "channel_policy" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "channel_id" UUID NOT NULL,
    "pattern" TEXT NOT NULL,
    "promoter_role" "role" NOT NULL,
    "approvals" INTEGER NOT NULL,
    "self_approval" BOOLEAN NOT NULL,
    "rejection_blocks" BOOLEAN NOT NULL,
    "reason_required" BOOLEAN NOT NULL,
    "soak_channel_id" UUID,
    "soak_minutes" INTEGER NOT NULL,
    "auto_apply" BOOLEAN NOT NULL,
    "request_hours" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "channel_policy_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "promotion_request" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "prompt_id" UUID NOT NULL,
    "channel_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "content_hash" TEXT NOT NULL,
    "serving_version_id" UUID,
    "status" "promotion_request_status" NOT NULL,
    "requester_kind" "actor_kind" NOT NULL,
    "requester_id" TEXT NOT NULL,
    "requester_name" TEXT NOT NULL,
    "reason" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "promotion_request_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "promotion_review" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "request_id" UUID NOT NULL,
    "prompt_id" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "decision" "review_decision" NOT NULL,
    "comment" TEXT,
    "content_hash" TEXT NOT NULL,
    "serving_version_id" UUID,
    "reviewer_kind" "actor_kind" NOT NULL,
    "reviewer_id" TEXT NOT NULL,
    "reviewer_name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "promotion_review_pkey" PRIMARY KEY ("workspace_id","id")
);

CREATE UNIQUE INDEX "api_key_previous_secret_hash_key" ON "api_key"("previous_secret_hash");
CREATE INDEX "member_workspace_id_name_id_idx" ON "member"("workspace_id", "name", "id");
CREATE UNIQUE INDEX "member_workspace_id_issuer_subject_key" ON "member"("workspace_id", "issuer", "subject");
CREATE UNIQUE INDEX "promotion_workspace_id_request_id_key" ON "promotion"("workspace_id", "request_id");
CREATE UNIQUE INDEX "channel_policy_workspace_id_channel_id_pattern_key" ON "channel_policy"("workspace_id", "channel_id", "pattern");
CREATE INDEX "promotion_request_workspace_id_status_created_at_id_idx" ON "promotion_request"("workspace_id", "status", "created_at", "id");
CREATE INDEX "promotion_request_workspace_id_prompt_id_channel_id_created_idx" ON "promotion_request"("workspace_id", "prompt_id", "channel_id", "created_at");
CREATE UNIQUE INDEX "promotion_review_workspace_id_request_id_ordinal_key" ON "promotion_review"("workspace_id", "request_id", "ordinal");

ALTER TABLE "member" ADD CONSTRAINT "member_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "promotion" ADD CONSTRAINT "promotion_workspace_id_request_id_fkey" FOREIGN KEY ("workspace_id", "request_id") REFERENCES "promotion_request"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "channel_policy" ADD CONSTRAINT "channel_policy_workspace_id_channel_id_fkey" FOREIGN KEY ("workspace_id", "channel_id") REFERENCES "channel"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "channel_policy" ADD CONSTRAINT "channel_policy_workspace_id_soak_channel_id_fkey" FOREIGN KEY ("workspace_id", "soak_channel_id") REFERENCES "channel"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "promotion_request" ADD CONSTRAINT "promotion_request_workspace_id_prompt_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id") REFERENCES "prompt"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "promotion_request" ADD CONSTRAINT "promotion_request_workspace_id_channel_id_fkey" FOREIGN KEY ("workspace_id", "channel_id") REFERENCES "channel"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "promotion_request" ADD CONSTRAINT "promotion_request_workspace_id_prompt_id_version_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id", "version_id") REFERENCES "prompt_version"("workspace_id", "prompt_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "promotion_request" ADD CONSTRAINT "promotion_request_workspace_id_prompt_id_serving_version_i_fkey" FOREIGN KEY ("workspace_id", "prompt_id", "serving_version_id") REFERENCES "prompt_version"("workspace_id", "prompt_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "promotion_review" ADD CONSTRAINT "promotion_review_workspace_id_request_id_fkey" FOREIGN KEY ("workspace_id", "request_id") REFERENCES "promotion_request"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "promotion_review" ADD CONSTRAINT "promotion_review_workspace_id_prompt_id_serving_version_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id", "serving_version_id") REFERENCES "prompt_version"("workspace_id", "prompt_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

ALTER TABLE "channel_policy"
  ADD CONSTRAINT "channel_policy_approvals_check" CHECK ("approvals" BETWEEN 0 AND 5),
  ADD CONSTRAINT "channel_policy_promoter_check" CHECK ("promoter_role" IN ('RELEASER', 'ADMIN')),
  ADD CONSTRAINT "channel_policy_soak_check" CHECK (
    "soak_minutes" >= 0 AND ("soak_minutes" = 0) = ("soak_channel_id" IS NULL) AND "soak_channel_id" IS DISTINCT FROM "channel_id"
  ),
  ADD CONSTRAINT "channel_policy_request_hours_check" CHECK ("request_hours" >= 1);

ALTER TABLE "promotion_request"
  ADD CONSTRAINT "promotion_request_closed_check" CHECK (("status" = 'OPEN') = ("closed_at" IS NULL));

ALTER TABLE "promotion"
  ADD CONSTRAINT "promotion_break_glass_check" CHECK (NOT "break_glass" OR ("kind" = 'PROMOTION' AND "reason" IS NOT NULL AND "request_id" IS NULL)),
  ADD CONSTRAINT "promotion_request_check" CHECK ("request_id" IS NULL OR "kind" = 'PROMOTION');

-- The same version is asked for once at a time.
CREATE UNIQUE INDEX "promotion_request_open_key" ON "promotion_request" ("workspace_id", "channel_id", "version_id") WHERE "status" = 'OPEN';
CREATE INDEX "promotion_request_expiry_idx" ON "promotion_request" ("expires_at") WHERE "status" = 'OPEN';

CREATE TRIGGER "promotion_review_append_only" BEFORE UPDATE OR DELETE ON "promotion_review" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "promotion_review_no_truncate" BEFORE TRUNCATE ON "promotion_review" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Version 2 covers where the request came from as well; events of version 1 keep their hashes.
CREATE OR REPLACE FUNCTION event_hashed_text(e "event") RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(coalesce(octet_length(convert_to(f, 'UTF8')) || ':' || f, '-'), ',' ORDER BY i) || ','
  FROM unnest(ARRAY[
    e.hash_version::text, e.workspace_id::text, e.seq::text, e.commit_seq::text, e.type, e.actor_kind::text, e.actor_id, e.actor_name,
    e.at_micros::text, e.prompt_id::text, e.promotion_id::text, e.payload
  ] || CASE WHEN e.hash_version >= 2 THEN ARRAY[e.source_address, e.user_agent, e.request_id] ELSE ARRAY[]::text[] END) WITH ORDINALITY AS fields(f, i)
$$;

CREATE OR REPLACE FUNCTION event_append() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  last_seq bigint;
  last_hash bytea;
  open_commit text := current_setting('promptforge.open_commit', true);
BEGIN
  SELECT seq, hash INTO last_seq, last_hash FROM "event_counter" WHERE workspace_id = NEW.workspace_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'workspace % has no event counter', NEW.workspace_id USING ERRCODE = 'foreign_key_violation';
  END IF;
  NEW.seq := last_seq + 1;
  IF split_part(coalesce(open_commit, ''), ':', 1) = NEW.workspace_id::text THEN
    NEW.commit_seq := split_part(open_commit, ':', 2)::bigint;
  ELSE
    NEW.commit_seq := NEW.seq;
    PERFORM set_config('promptforge.open_commit', NEW.workspace_id || ':' || NEW.seq, true);
    PERFORM pg_notify('promptforge', NEW.workspace_id::text);
  END IF;
  NEW.at_micros := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
  NEW.hash_version := 2;
  NEW.prev_hash := last_hash;
  NEW.hash := sha256(last_hash || convert_to(event_hashed_text(NEW), 'UTF8'));
  UPDATE "event_counter" SET seq = NEW.seq, hash = NEW.hash WHERE workspace_id = NEW.workspace_id;
  RETURN NEW;
END
$$;

-- The policy that decides for a prompt on a channel: its own slug, otherwise the longest pattern that covers it. "support/a" and "support/*"
-- are of one length.
CREATE FUNCTION deciding_policy(workspace uuid, channel uuid, prompt uuid) RETURNS "channel_policy" LANGUAGE sql STABLE AS $$
  SELECT c.* FROM "channel_policy" c
  JOIN "prompt" p ON p.workspace_id = workspace AND p.id = prompt
  WHERE c.workspace_id = workspace AND c.channel_id = channel
    AND (c.pattern = p.slug OR (right(c.pattern, 1) = '*' AND starts_with(p.slug, left(c.pattern, -1))))
  ORDER BY c.pattern = p.slug DESC, length(c.pattern) DESC
  LIMIT 1
$$;

-- Since when a channel has served exactly this version of a prompt, without a break, up to now; null: it does not serve it.
CREATE FUNCTION served_since(workspace uuid, channel uuid, prompt uuid, version uuid) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT min(p.created_at) FROM "promotion" p
  WHERE p.workspace_id = workspace AND p.prompt_id = prompt AND p.channel_id = channel AND p.ordinal > coalesce((
    SELECT max(q.ordinal) FROM "promotion" q
    WHERE q.workspace_id = workspace AND q.prompt_id = prompt AND q.channel_id = channel AND q.version_id IS DISTINCT FROM version
  ), 0)
$$;

-- The last judge, whatever the code above it thinks: a protected channel is not promoted without the approvals that its policy demands, and a
-- rollback goes to what was promoted before.
CREATE FUNCTION guard_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  policy "channel_policy";
  request "promotion_request";
  author text;
  hash text;
  needed int;
  approvals int;
  rejections int;
BEGIN
  -- A save is the only move that nothing is demanded of, and "latest" the only channel that it moves.
  IF (NEW.kind = 'SAVE') <> EXISTS (
    SELECT 1 FROM "channel" c WHERE c.workspace_id = NEW.workspace_id AND c.id = NEW.channel_id AND c.name = 'latest'
  ) THEN
    RAISE EXCEPTION 'channel "latest" is moved by saves, and every other channel by none' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.kind = 'ROLLBACK' AND NOT EXISTS (
    SELECT 1 FROM "promotion" p WHERE p.workspace_id = NEW.workspace_id AND p.prompt_id = NEW.prompt_id AND p.channel_id = NEW.channel_id
      AND p.version_id = NEW.version_id AND p.kind = 'PROMOTION'
  ) THEN
    RAISE EXCEPTION 'a rollback goes to a version that the channel was promoted to' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.kind <> 'PROMOTION' OR NEW.break_glass THEN
    RETURN NULL;
  END IF;
  policy := deciding_policy(NEW.workspace_id, NEW.channel_id, NEW.prompt_id);
  IF policy.reason_required AND NEW.reason IS NULL THEN
    RAISE EXCEPTION 'the channel is protected: a promotion needs a reason' USING ERRCODE = 'restrict_violation';
  END IF;
  IF policy.soak_minutes > 0 AND coalesce(
    served_since(NEW.workspace_id, policy.soak_channel_id, NEW.prompt_id, NEW.version_id)
      + make_interval(mins => policy.soak_minutes) > NEW.created_at, true) THEN
    RAISE EXCEPTION 'the channel is protected: the version was not served long enough elsewhere' USING ERRCODE = 'restrict_violation';
  END IF;
  -- Who names a request stands by it, also where the policy demands none.
  needed := greatest(coalesce(policy.approvals, 0), CASE WHEN NEW.request_id IS NULL THEN 0 ELSE 1 END);
  IF needed = 0 THEN
    RETURN NULL;
  END IF;
  SELECT * INTO request FROM "promotion_request" r WHERE r.workspace_id = NEW.workspace_id AND r.id = NEW.request_id;
  SELECT v.author_id, v.content_hash INTO author, hash FROM "prompt_version" v WHERE v.workspace_id = NEW.workspace_id AND v.id = NEW.version_id;
  IF request.id IS NULL OR request.status <> 'OPEN' OR request.expires_at <= NEW.created_at OR request.prompt_id <> NEW.prompt_id
    OR request.channel_id <> NEW.channel_id OR request.version_id <> NEW.version_id OR request.content_hash <> hash
    OR request.serving_version_id IS DISTINCT FROM NEW.previous_version_id THEN
    RAISE EXCEPTION 'the channel is protected: a promotion needs the open request that was approved for exactly this' USING ERRCODE = 'restrict_violation';
  END IF;
  SELECT count(*) FILTER (WHERE newest.decision = 'APPROVE' AND newest.content_hash = hash
           AND newest.serving_version_id IS NOT DISTINCT FROM request.serving_version_id
           AND (coalesce(policy.self_approval, false) OR (newest.reviewer_id <> request.requester_id AND newest.reviewer_id <> author))),
         count(*) FILTER (WHERE newest.decision = 'REJECT')
    INTO approvals, rejections
  FROM (
    SELECT DISTINCT ON (v.reviewer_id) v.* FROM "promotion_review" v
    WHERE v.workspace_id = NEW.workspace_id AND v.request_id = request.id ORDER BY v.reviewer_id, v.ordinal DESC
  ) newest;
  IF approvals < needed OR (coalesce(policy.rejection_blocks, true) AND rejections > 0) THEN
    RAISE EXCEPTION 'the channel is protected: % of % approvals, % rejections', approvals, needed, rejections USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER "promotion_guard" AFTER INSERT ON "promotion" FOR EACH ROW EXECUTE FUNCTION guard_promotion();

-- A pointer says what its promotion says.
CREATE FUNCTION guard_pointer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM "promotion" p WHERE p.workspace_id = NEW.workspace_id AND p.id = NEW.promotion_id AND p.prompt_id = NEW.prompt_id
      AND p.channel_id = NEW.channel_id AND p.version_id IS NOT DISTINCT FROM NEW.version_id
  ) THEN
    RAISE EXCEPTION 'a channel pointer must be what its promotion says' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER "channel_pointer_guard" AFTER INSERT OR UPDATE ON "channel_pointer" FOR EACH ROW EXECUTE FUNCTION guard_pointer();

-- The one named door: deletes a workspace and all that is in it. Run with its owner's rights, so that the server needs none on what is
-- append-only; whoever calls it records it where it still stands afterwards.
CREATE FUNCTION delete_workspace(doomed uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM set_config('promptforge.open_door', doomed::text, true);
  DELETE FROM "stream_node" WHERE workspace_id = doomed;
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
