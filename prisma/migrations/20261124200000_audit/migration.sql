-- Signed checkpoints, and functions that need more than the role of the server may do.

-- published_at: when it reached the place outside that checkpoints are kept in; null: not yet, or there is none.
CREATE TABLE "audit_checkpoint" (
    "workspace_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "key_id" TEXT NOT NULL,
    "signature" BYTEA NOT NULL,
    "published_at" TIMESTAMPTZ(3),

    CONSTRAINT "audit_checkpoint_pkey" PRIMARY KEY ("workspace_id","seq","key_id")
);

-- It goes with its workspace.
ALTER TABLE "audit_checkpoint" ADD CONSTRAINT "audit_checkpoint_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE CASCADE ON UPDATE RESTRICT;

CREATE INDEX "audit_checkpoint_unpublished_idx" ON "audit_checkpoint" ("at") WHERE "published_at" IS NULL;

-- Keys that could do everything still can.
UPDATE "api_key" SET "scopes" = array_append("scopes", 'audit:sign')
WHERE "role" = 'ADMIN' AND 'keys:manage' = ANY("scopes") AND NOT 'audit:sign' = ANY("scopes");

-- Numbering writes the counter, on which the role of the server has no right: the trigger alone moves the head of a log. With the session's
-- own temporary tables last in the path, nobody puts another counter, or another policy, before the real one.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION event_append() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION workspace_counter() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION guard_promotion() SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION guard_pointer() SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION delete_workspace(uuid) SET search_path = %I, pg_temp', current_schema());
END
$$;

-- The one named door is for the server, which is granted it by name.
REVOKE EXECUTE ON FUNCTION delete_workspace(uuid) FROM PUBLIC;
