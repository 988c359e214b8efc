-- Usage: who fetched or was pushed which version, and who listens now.
-- What prisma/schema.prisma says (npm run schema:sql), with three changes that Prisma cannot say: names and ids that are only compared for
-- equality compare by byte (COLLATE "C": cheaper in the keys that every flush upserts into, and the same as channel.name), a stream has no
-- foreign key to its channel, and what is old is found by indexes of its own (below).
--
-- No foreign keys from the counts at all, and none from a stream to its channel: both are written in bulk, by nodes that do not wait for
-- anybody. A restore may take away a prompt, a version or a channel that a node still counts for; one such row must not hold up all others.
-- Minutes are folded into hours after two days: a quarter of minutes would be sixty times the rows, and too many to sum up while somebody waits.

-- CreateEnum
CREATE TYPE "stream_transport" AS ENUM ('WEBSOCKET', 'SSE');

-- CreateTable
CREATE TABLE "version_usage" (
    "workspace_id" UUID NOT NULL,
    "prompt_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "minute" TIMESTAMPTZ(3) NOT NULL,
    "channel" TEXT COLLATE "C" NOT NULL,
    "actor_id" TEXT COLLATE "C" NOT NULL,
    "actor_kind" "actor_kind" NOT NULL,
    "actor_name" TEXT NOT NULL,
    "fetched" BIGINT NOT NULL,
    "pushed" BIGINT NOT NULL,

    CONSTRAINT "version_usage_pkey" PRIMARY KEY ("workspace_id","prompt_id","version","minute","channel","actor_id")
);

-- CreateTable
CREATE TABLE "version_usage_hour" (
    "workspace_id" UUID NOT NULL,
    "prompt_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "channel" TEXT COLLATE "C" NOT NULL,
    "actor_id" TEXT COLLATE "C" NOT NULL,
    "actor_kind" "actor_kind" NOT NULL,
    "actor_name" TEXT NOT NULL,
    "fetched" BIGINT NOT NULL,
    "pushed" BIGINT NOT NULL,

    CONSTRAINT "version_usage_hour_pkey" PRIMARY KEY ("workspace_id","prompt_id","version","hour","channel","actor_id")
);

-- CreateTable
CREATE TABLE "stream_node" (
    "workspace_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stream_node_pkey" PRIMARY KEY ("workspace_id","node_id")
);

-- CreateTable
CREATE TABLE "stream_subscriber" (
    "workspace_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "channel" TEXT COLLATE "C" NOT NULL,
    "prompts" JSON,
    "transport" "stream_transport" NOT NULL,
    "actor_id" TEXT NOT NULL,
    "actor_kind" "actor_kind" NOT NULL,
    "actor_name" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "last_cursor" TEXT,

    CONSTRAINT "stream_subscriber_pkey" PRIMARY KEY ("workspace_id","node_id","id")
);

-- CreateIndex
CREATE INDEX "stream_subscriber_workspace_id_channel_since_node_id_id_idx" ON "stream_subscriber"("workspace_id", "channel", "since", "node_id", "id");

-- AddForeignKey
ALTER TABLE "stream_subscriber" ADD CONSTRAINT "stream_subscriber_workspace_id_node_id_fkey" FOREIGN KEY ("workspace_id", "node_id") REFERENCES "stream_node"("workspace_id", "node_id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- For what sweeps by age, and for nothing else: on the plain column, the planner takes such an index for a question about one version too, and
-- reads what every version was used in that time.
CREATE INDEX "version_usage_age_idx" ON "version_usage" (("minute" AT TIME ZONE 'UTC'));
CREATE INDEX "version_usage_hour_age_idx" ON "version_usage_hour" (("hour" AT TIME ZONE 'UTC'));
