-- A transaction of its own: it reads all versions, beside those who write new ones.
ALTER TABLE "prompt_version" VALIDATE CONSTRAINT "prompt_version_content_hash_check";
