-- How far streams are that were told the same: one row for all of them, so that an event to ten thousand writes one row and not ten thousand.
-- What prisma/schema.prisma says (npm run schema:sql), with what Prisma cannot say: names compare by byte, and half of each page is left free
-- for the new row that replaces the old one every few seconds.
--
-- No foreign key from a stream to its place: a stream that names a place that is gone is as far as its own last_cursor says.

ALTER TABLE "stream_subscriber" ADD COLUMN "place_id" TEXT COLLATE "C";

CREATE TABLE "stream_place" (
    "workspace_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "cursor" TEXT NOT NULL,

    CONSTRAINT "stream_place_pkey" PRIMARY KEY ("workspace_id","node_id","id")
) WITH (fillfactor = 50);

ALTER TABLE "stream_place" ADD CONSTRAINT "stream_place_workspace_id_node_id_fkey" FOREIGN KEY ("workspace_id", "node_id") REFERENCES "stream_node"("workspace_id", "node_id") ON DELETE CASCADE ON UPDATE RESTRICT;
