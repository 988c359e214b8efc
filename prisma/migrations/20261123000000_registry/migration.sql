-- The registry: workspaces, keys, prompts, versions, channels, promotions, the event log.
-- The first part is what prisma/schema.prisma says (npm run schema:sql), with four changes that Prisma cannot say: slugs and channel names
-- compare by byte (COLLATE "C": keyset paging and folder ranges use their index), tags are NOT NULL, prompt -> latest is a deferred key
-- (prompt and version 1 name each other; NO ACTION, because RESTRICT is checked at once even then), and the counter's pages keep room for in-place updates.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- CreateEnum
CREATE TYPE "prompt_kind" AS ENUM ('TEXT', 'CHAT');

-- CreateEnum
CREATE TYPE "promotion_kind" AS ENUM ('SAVE', 'PROMOTION', 'ROLLBACK', 'WITHDRAWAL');

-- CreateEnum
CREATE TYPE "actor_kind" AS ENUM ('USER', 'API_KEY', 'SYSTEM');

-- CreateEnum
CREATE TYPE "api_key_role" AS ENUM ('ADMIN', 'READER');

-- CreateTable
CREATE TABLE "workspace" (
    "id" UUID NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workspace_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "api_key_role" NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "prompt" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "slug" TEXT COLLATE "C" NOT NULL,
    "kind" "prompt_kind" NOT NULL,
    "description" TEXT,
    "tags" TEXT[] NOT NULL,
    "owner" TEXT,
    "latest_number" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "archived_at" TIMESTAMPTZ(3),

    CONSTRAINT "prompt_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "prompt_search" (
    "workspace_id" UUID NOT NULL,
    "prompt_id" UUID NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "prompt_search_pkey" PRIMARY KEY ("workspace_id","prompt_id")
);

-- CreateTable
CREATE TABLE "prompt_version" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "prompt_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "kind" "prompt_kind" NOT NULL,
    "template" TEXT,
    "messages" JSON,
    "config" JSON,
    "variables" JSON NOT NULL,
    "content_hash" TEXT NOT NULL,
    "message" TEXT,
    "based_on_number" INTEGER,
    "author_kind" "actor_kind" NOT NULL,
    "author_id" TEXT NOT NULL,
    "author_name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "committed_at" TIMESTAMPTZ(3),

    CONSTRAINT "prompt_version_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "channel" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "description" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "channel_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "channel_pointer" (
    "workspace_id" UUID NOT NULL,
    "channel_id" UUID NOT NULL,
    "prompt_id" UUID NOT NULL,
    "version_id" UUID,
    "promotion_id" UUID NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "channel_pointer_pkey" PRIMARY KEY ("workspace_id","channel_id","prompt_id")
);

-- CreateTable
CREATE TABLE "promotion" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" "promotion_kind" NOT NULL,
    "prompt_id" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "channel_id" UUID NOT NULL,
    "version_id" UUID,
    "previous_version_id" UUID,
    "base_id" UUID,
    "base_below_id" UUID,
    "actor_kind" "actor_kind" NOT NULL,
    "actor_id" TEXT NOT NULL,
    "actor_name" TEXT NOT NULL,
    "reason" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "promotion_pkey" PRIMARY KEY ("workspace_id","id")
);

-- CreateTable
CREATE TABLE "event_counter" (
    "workspace_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "event_counter_pkey" PRIMARY KEY ("workspace_id")
) WITH (fillfactor = 10);

-- CreateTable
CREATE TABLE "event" (
    "workspace_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL DEFAULT 0,
    "commit_seq" BIGINT NOT NULL DEFAULT 0,
    "type" TEXT NOT NULL,
    "actor_kind" "actor_kind" NOT NULL,
    "actor_id" TEXT NOT NULL,
    "actor_name" TEXT NOT NULL,
    "at_micros" BIGINT NOT NULL DEFAULT 0,
    "prompt_id" UUID,
    "promotion_id" UUID,
    "payload" TEXT NOT NULL,
    "hash_version" INTEGER NOT NULL DEFAULT 1,
    "prev_hash" BYTEA NOT NULL DEFAULT '\x'::bytea,
    "hash" BYTEA NOT NULL DEFAULT '\x'::bytea,

    CONSTRAINT "event_pkey" PRIMARY KEY ("workspace_id","seq")
);

-- CreateTable
CREATE TABLE "idempotency_key" (
    "workspace_id" UUID NOT NULL,
    "actor_id" TEXT NOT NULL,
    "mutation" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "input_hash" BYTEA NOT NULL,
    "answer_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("workspace_id","actor_id","mutation","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "workspace_slug_key" ON "workspace"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_secret_hash_key" ON "api_key"("secret_hash");

-- CreateIndex
CREATE INDEX "prompt_workspace_id_updated_at_id_idx" ON "prompt"("workspace_id", "updated_at", "id");

-- CreateIndex
CREATE INDEX "prompt_workspace_id_created_at_id_idx" ON "prompt"("workspace_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "prompt_tags_idx" ON "prompt" USING GIN ("tags");

-- CreateIndex
CREATE UNIQUE INDEX "prompt_workspace_id_slug_key" ON "prompt"("workspace_id", "slug");

-- CreateIndex
CREATE UNIQUE INDEX "prompt_version_workspace_id_prompt_id_number_key" ON "prompt_version"("workspace_id", "prompt_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "prompt_version_workspace_id_prompt_id_id_key" ON "prompt_version"("workspace_id", "prompt_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "prompt_version_workspace_id_prompt_id_committed_at_key" ON "prompt_version"("workspace_id", "prompt_id", "committed_at");

-- CreateIndex
CREATE UNIQUE INDEX "channel_workspace_id_name_key" ON "channel"("workspace_id", "name");

-- CreateIndex
CREATE INDEX "channel_pointer_workspace_id_prompt_id_version_id_idx" ON "channel_pointer"("workspace_id", "prompt_id", "version_id");

-- CreateIndex
CREATE UNIQUE INDEX "channel_pointer_workspace_id_promotion_id_key" ON "channel_pointer"("workspace_id", "promotion_id");

-- CreateIndex
CREATE INDEX "promotion_workspace_id_prompt_id_channel_id_ordinal_idx" ON "promotion"("workspace_id", "prompt_id", "channel_id", "ordinal");

-- CreateIndex
CREATE UNIQUE INDEX "promotion_workspace_id_prompt_id_ordinal_key" ON "promotion"("workspace_id", "prompt_id", "ordinal");

-- CreateIndex
CREATE INDEX "event_workspace_id_commit_seq_seq_idx" ON "event"("workspace_id", "commit_seq", "seq");

-- CreateIndex
CREATE INDEX "event_workspace_id_prompt_id_seq_idx" ON "event"("workspace_id", "prompt_id", "seq");

-- CreateIndex
CREATE INDEX "event_workspace_id_type_seq_idx" ON "event"("workspace_id", "type", "seq");

-- CreateIndex
CREATE INDEX "event_workspace_id_actor_name_seq_idx" ON "event"("workspace_id", "actor_name", "seq");

-- CreateIndex
CREATE INDEX "event_workspace_id_at_micros_idx" ON "event"("workspace_id", "at_micros");

-- CreateIndex
CREATE UNIQUE INDEX "event_workspace_id_promotion_id_key" ON "event"("workspace_id", "promotion_id");

-- CreateIndex
CREATE INDEX "idempotency_key_created_at_idx" ON "idempotency_key"("created_at");

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "prompt" ADD CONSTRAINT "prompt_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "prompt" ADD CONSTRAINT "prompt_workspace_id_id_latest_number_fkey" FOREIGN KEY ("workspace_id", "id", "latest_number") REFERENCES "prompt_version"("workspace_id", "prompt_id", "number") ON DELETE NO ACTION ON UPDATE NO ACTION DEFERRABLE INITIALLY DEFERRED;

-- AddForeignKey
ALTER TABLE "prompt_search" ADD CONSTRAINT "prompt_search_workspace_id_prompt_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id") REFERENCES "prompt"("workspace_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "prompt_version" ADD CONSTRAINT "prompt_version_workspace_id_prompt_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id") REFERENCES "prompt"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "prompt_version" ADD CONSTRAINT "prompt_version_workspace_id_prompt_id_based_on_number_fkey" FOREIGN KEY ("workspace_id", "prompt_id", "based_on_number") REFERENCES "prompt_version"("workspace_id", "prompt_id", "number") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "channel" ADD CONSTRAINT "channel_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "channel_pointer" ADD CONSTRAINT "channel_pointer_workspace_id_channel_id_fkey" FOREIGN KEY ("workspace_id", "channel_id") REFERENCES "channel"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "channel_pointer" ADD CONSTRAINT "channel_pointer_workspace_id_prompt_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id") REFERENCES "prompt"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "channel_pointer" ADD CONSTRAINT "channel_pointer_workspace_id_prompt_id_version_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id", "version_id") REFERENCES "prompt_version"("workspace_id", "prompt_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "channel_pointer" ADD CONSTRAINT "channel_pointer_workspace_id_promotion_id_fkey" FOREIGN KEY ("workspace_id", "promotion_id") REFERENCES "promotion"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "promotion" ADD CONSTRAINT "promotion_workspace_id_prompt_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id") REFERENCES "prompt"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "promotion" ADD CONSTRAINT "promotion_workspace_id_channel_id_fkey" FOREIGN KEY ("workspace_id", "channel_id") REFERENCES "channel"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "promotion" ADD CONSTRAINT "promotion_workspace_id_prompt_id_version_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id", "version_id") REFERENCES "prompt_version"("workspace_id", "prompt_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "promotion" ADD CONSTRAINT "promotion_workspace_id_prompt_id_previous_version_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id", "previous_version_id") REFERENCES "prompt_version"("workspace_id", "prompt_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "event_counter" ADD CONSTRAINT "event_counter_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_workspace_id_prompt_id_fkey" FOREIGN KEY ("workspace_id", "prompt_id") REFERENCES "prompt"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_workspace_id_promotion_id_fkey" FOREIGN KEY ("workspace_id", "promotion_id") REFERENCES "promotion"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- What no model can say ------------------------------------------------------------------------------------------------------------

CREATE INDEX "prompt_search_text_idx" ON "prompt_search" USING GIN ("text" gin_trgm_ops);

ALTER TABLE "prompt"
  ADD CONSTRAINT "prompt_slug_check" CHECK (octet_length("slug") BETWEEN 1 AND 200 AND "slug" ~ '^[a-z0-9._-]+(/[a-z0-9._-]+)*$' AND "slug" !~ '(^|/)[.]{1,2}(/|$)'),
  ADD CONSTRAINT "prompt_latest_number_check" CHECK ("latest_number" >= 1);

ALTER TABLE "prompt_version"
  ADD CONSTRAINT "prompt_version_number_check" CHECK ("number" >= 1),
  ADD CONSTRAINT "prompt_version_based_on_check" CHECK ("based_on_number" < "number"),
  ADD CONSTRAINT "prompt_version_content_check" CHECK (
    CASE "kind" WHEN 'TEXT' THEN "template" IS NOT NULL AND "messages" IS NULL ELSE "template" IS NULL AND "messages" IS NOT NULL END),
  ADD CONSTRAINT "prompt_version_content_hash_check" CHECK ("content_hash" ~ '^sha256:[0-9a-f]{64}$');

ALTER TABLE "channel"
  ADD CONSTRAINT "channel_name_check" CHECK ("name" ~ '^[a-z][a-z0-9-]{0,31}$');

ALTER TABLE "promotion"
  ADD CONSTRAINT "promotion_version_check" CHECK (("kind" = 'WITHDRAWAL') = ("version_id" IS NULL)),
  ADD CONSTRAINT "promotion_base_check" CHECK ("kind" NOT IN ('PROMOTION', 'ROLLBACK') OR "base_id" IS NOT NULL);

ALTER TABLE "event"
  ADD CONSTRAINT "event_payload_check" CHECK (left("payload", 1) = '{' AND "payload"::json IS NOT NULL);

-- The text that an event's hash covers: each field as <length in bytes>:<text>, an absent one as -, in this order, each closed by a comma.
CREATE FUNCTION event_hashed_text(e "event") RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(coalesce(octet_length(convert_to(f, 'UTF8')) || ':' || f, '-'), ',' ORDER BY i) || ','
  FROM unnest(ARRAY[
    e.hash_version::text, e.workspace_id::text, e.seq::text, e.commit_seq::text, e.type, e.actor_kind::text, e.actor_id, e.actor_name,
    e.at_micros::text, e.prompt_id::text, e.promotion_id::text, e.payload
  ]) WITH ORDINALITY AS fields(f, i)
$$;

-- Numbers, chains and announces an event inside the transaction that writes it. The counter row is the workspace's only queue: numbers are
-- given out in the order of commits, without holes, because the row stays locked until the transaction ends.
CREATE FUNCTION event_append() RETURNS trigger LANGUAGE plpgsql AS $$
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
  NEW.hash_version := 1;
  NEW.prev_hash := last_hash;
  NEW.hash := sha256(last_hash || convert_to(event_hashed_text(NEW), 'UTF8'));
  UPDATE "event_counter" SET seq = NEW.seq, hash = NEW.hash WHERE workspace_id = NEW.workspace_id;
  RETURN NEW;
END
$$;

CREATE TRIGGER "event_append" BEFORE INSERT ON "event" FOR EACH ROW EXECUTE FUNCTION event_append();

-- Every workspace has its counter, chained from its own id, from the moment it exists.
CREATE FUNCTION workspace_counter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "event_counter" (workspace_id, seq, hash) VALUES (NEW.id, 0, sha256(convert_to(NEW.id::text, 'UTF8')));
  RETURN NULL;
END
$$;

CREATE TRIGGER "workspace_counter" AFTER INSERT ON "workspace" FOR EACH ROW EXECUTE FUNCTION workspace_counter();

-- Append-only: the one door is a transaction-local setting that carries the id of the workspace that is deleted or restored.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_LEVEL = 'ROW' AND current_setting('promptforge.open_door', true) = OLD.workspace_id::text THEN
    IF TG_OP = 'DELETE' THEN
      RETURN OLD;
    END IF;
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% on % is refused: its rows are append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER "event_append_only" BEFORE UPDATE OR DELETE ON "event" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "event_no_truncate" BEFORE TRUNCATE ON "event" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "prompt_version_append_only" BEFORE UPDATE OR DELETE ON "prompt_version" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "prompt_version_no_truncate" BEFORE TRUNCATE ON "prompt_version" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "promotion_append_only" BEFORE UPDATE OR DELETE ON "promotion" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER "promotion_no_truncate" BEFORE TRUNCATE ON "promotion" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
