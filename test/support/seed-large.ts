/** How much a workspace is given. Every version has its promotion of `latest` and its event; the newest of each prompt is on `stable` too. */
export interface LargeSeed {
  /** By slug; it is there, with its channels. */
  readonly workspace: string;
  /** What its folders are named after: another one for each seed of a workspace. @default 'topic' */
  readonly name?: string;
  readonly prompts: number;
  readonly versions: number;
  /** What a version's template weighs. @default 300 */
  readonly templateBytes?: number;
}

/** Runs SQL as a superuser, all of it on one connection. */
export interface SeedConnection {
  query(sql: string): Promise<unknown>;
}

/**
 * Fills workspaces past the triggers (a commit each would take hours), as the triggers would have: numbered, chained, with pointers and
 * search texts. Prompts are named topic-000/prompt-000001 and so on, a hundred to a folder; the log goes version by version, not prompt by
 * prompt, as life does. In one transaction, with all indexes that nothing depends on made anew at its end. No server may run meanwhile.
 */
export async function seedLarge(connection: SeedConnection, seeds: readonly LargeSeed[]): Promise<void> {
  await connection.query('BEGIN');
  await connection.query(`SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL work_mem = '256MB';
    SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL synchronous_commit = off`);
  await connection.query(HELPERS);
  await connection.query(DROP_INDEXES);
  for (const [index, seed] of seeds.entries())
    for (const statement of statementsOf(seed, seeds.length - index)) await connection.query(statement);
  await connection.query(MAKE_INDEXES);
  await connection.query(
    'DROP AGGREGATE seed_chain(bytea, text); DROP FUNCTION seed_link, seed_id; DROP TABLE seed_index',
  );
  await connection.query('COMMIT');
  await connection.query('VACUUM (ANALYZE)');
}

// Ids are version 7 ones, in the order of time as the server's are: a millisecond for each n, then the kind, then what differs by workspace.
const HELPERS = `
  CREATE FUNCTION seed_id(kind text, salt bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('0' || to_hex(1750000000000 + n) || kind || to_hex(salt + n))::uuid
  $$;
  CREATE FUNCTION seed_link(last bytea, head bytea, hashed text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN RETURN sha256(coalesce(last, head) || hashed::bytea); END
  $$;
  CREATE AGGREGATE seed_chain(bytea, text) (SFUNC = seed_link, STYPE = bytea)`;

const TABLES = `ARRAY['prompt', 'prompt_search', 'prompt_version', 'promotion', 'channel_pointer', 'event']`;

const DROP_INDEXES = `
  CREATE TEMPORARY TABLE seed_index AS
    SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(${TABLES})
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid);
  DO $$
  DECLARE one record;
  BEGIN
    FOR one IN SELECT name FROM seed_index LOOP EXECUTE format('DROP INDEX %I', one.name); END LOOP;
  END $$`;

const MAKE_INDEXES = `
  DO $$
  DECLARE one record;
  BEGIN
    FOR one IN SELECT definition FROM seed_index LOOP EXECUTE one.definition; END LOOP;
  END $$`;

/** What one workspace is given, on one day. p: the prompt's number, v: the version's; k counts the events, from 1. All text is ASCII. */
function statementsOf(
  { workspace, name = 'topic', prompts, versions, templateBytes = 300 }: LargeSeed,
  daysAgo: number,
): string[] {
  const sentence = 'be brief, be kind, say what you do not know. ';
  const padding = sentence.repeat(Math.ceil(templateBytes / sentence.length));
  const events = prompts * (versions + 2);
  const step = `interval '${Math.floor(86_400_000_000 / (events + 1))} microseconds'`;
  return [
    `CREATE TEMPORARY TABLE seed_workspace ON COMMIT DROP AS
      SELECT w.id, c.seq, c.hash, now() - ${daysAgo} * interval '1 day' AS began, ${step} AS step, ('x8' || substr(md5(w.id || '${name}'), 1, 12) || '000')::bit(64)::bigint AS salt,
        (SELECT id FROM "channel" WHERE workspace_id = w.id AND name = 'latest') AS latest,
        (SELECT id FROM "channel" WHERE workspace_id = w.id AND name = 'stable') AS stable
      FROM "workspace" w JOIN "event_counter" c ON c.workspace_id = w.id WHERE w.slug = '${workspace}'`,
    `CREATE TEMPORARY TABLE seed_prompt ON COMMIT DROP AS
      SELECT p::int, seed_id('7001', w.salt, p) AS id, 'seed-' || p % 20 AS actor_id, 'writer ' || p % 20 AS actor_name,
        '${name}-' || lpad(((p - 1) / 100)::text, 3, '0') || '/prompt-' || lpad(p::text, 6, '0') AS slug
      FROM seed_workspace w, generate_series(1, ${prompts}) AS p`,
    `CREATE TEMPORARY TABLE seed_version ON COMMIT DROP AS
      SELECT p.p, v::int, p.id AS prompt_id, p.slug, p.actor_id, p.actor_name, seed_id('7002', w.salt, n) AS id, seed_id('7003', w.salt, n) AS save_id,
        text.template, 'sha256:' || encode(sha256(('{"config":null,"kind":"TEXT","template":"' || text.template || '","variables":[]}')::bytea), 'hex') AS content_hash,
        CASE v WHEN 1 THEN 2 * p.p ELSE ${prompts} * v + p.p END AS k
      FROM seed_workspace w, generate_series(1, ${versions}) AS v, seed_prompt p, LATERAL (
        SELECT left('You answer for topic ' || p.p || ', in words of version ' || v || ': ${padding}', ${templateBytes}) AS template, (v - 1) * ${prompts}::bigint + p.p AS n OFFSET 0
      ) AS text ORDER BY n`,
    ...registryStatements(prompts, versions),
    chained(events, prompts, versions),
    `UPDATE "event_counter" c SET seq = e.seq, hash = e.hash FROM seed_workspace w, "event" e
      WHERE c.workspace_id = w.id AND e.workspace_id = w.id AND e.seq = w.seq + ${events}`,
    'DROP TABLE seed_version; DROP TABLE seed_prompt; DROP TABLE seed_workspace',
  ];
}

const ACTOR = `'API_KEY'::actor_kind, r.actor_id, r.actor_name`;

/** The id of a prompt's promotion to `stable`, which comes after all saves. */
function releaseId(prompts: number, versions: number): string {
  return `seed_id('7003', w.salt, ${prompts * versions} + r.p)`;
}

function registryStatements(prompts: number, versions: number): string[] {
  const at = (k: string) => `w.began + (${k}) * w.step`;
  const release = releaseId(prompts, versions);
  const released = at(`${prompts * (versions + 1)} + r.p`);
  const newest = `seed_workspace w, seed_version r WHERE r.v = ${versions}`;
  return [
    `INSERT INTO "prompt" (workspace_id, id, slug, kind, description, tags, owner, latest_number, created_at, updated_at)
      SELECT w.id, r.prompt_id, r.slug, 'TEXT', 'For topic ' || r.p, ARRAY['team-' || r.p % 50], 'team-' || r.p % 50, r.v, ${at('2 * r.p')}, ${at('r.k')} FROM ${newest}`,
    `INSERT INTO "prompt_version" (workspace_id, id, prompt_id, number, kind, template, variables, content_hash, message, based_on_number, author_kind, author_id, author_name, created_at)
      SELECT w.id, r.id, r.prompt_id, r.v, 'TEXT', r.template, '[]', r.content_hash, 'version ' || r.v, nullif(r.v - 1, 0), ${ACTOR}, ${at('r.k')} FROM seed_workspace w, seed_version r`,
    `INSERT INTO "promotion" (workspace_id, id, kind, prompt_id, ordinal, channel_id, version_id, previous_version_id, base_id, actor_kind, actor_id, actor_name, created_at)
      SELECT w.id, r.save_id, 'SAVE'::promotion_kind, r.prompt_id, r.v, w.latest, r.id,
        CASE WHEN r.v > 1 THEN seed_id('7002', w.salt, (r.v - 2) * ${prompts}::bigint + r.p) END, NULL::uuid, ${ACTOR}, ${at('r.k')} FROM seed_workspace w, seed_version r
      UNION ALL SELECT w.id, ${release}, 'PROMOTION', r.prompt_id, r.v + 1, w.stable, r.id, NULL, ${release}, ${ACTOR}, ${released} FROM ${newest}`,
    `INSERT INTO "channel_pointer" (workspace_id, channel_id, prompt_id, version_id, promotion_id, since)
      SELECT w.id, w.latest, r.prompt_id, r.id, r.save_id, ${at('r.k')} FROM ${newest}
      UNION ALL SELECT w.id, w.stable, r.prompt_id, r.id, ${release}, ${released} FROM ${newest}`,
    `INSERT INTO "prompt_search" (workspace_id, prompt_id, text)
      SELECT w.id, r.prompt_id, r.slug || E'\\nFor topic ' || r.p || E'\\n' || r.template FROM ${newest}`,
  ];
}

/** The events, each with the hash of the one before: as event_hashed_text() has it, whose general form would take four times as long. */
function chained(events: number, prompts: number, versions: number): string {
  const promoted = (channel: string, kind: string, before: string) =>
    `'{"slug":"' || r.slug || '","channel":"${channel}","previousVersion":' || ${before} || ',"kind":"${kind}","version":' || r.v || ',"contentHash":"' || r.content_hash || '"}'`;
  const released = `${prompts * (versions + 1)} + r.p`;
  const field = (text: string) => `length(${text}) || ':' || ${text}`;
  const hashed = [
    `'1:2,36:' || w.id`,
    field('(w.seq + e.k)::text'),
    field('(w.seq + e.commit_k)::text'),
    field('e.type'),
    `'7:API_KEY'`,
    field('e.actor_id'),
    field('e.actor_name'),
    field('at.micros::text'),
    `'36:' || e.prompt_id`,
    `coalesce('36:' || e.promotion_id, '-')`,
    field('e.payload'),
    `'-,-,-,'`,
  ];
  return `
    INSERT INTO "event" (workspace_id, seq, commit_seq, type, actor_kind, actor_id, actor_name, at_micros, prompt_id, promotion_id, payload, hash_version, prev_hash, hash)
    SELECT id, seq + k, seq + commit_k, type, 'API_KEY', actor_id, actor_name, micros, prompt_id, promotion_id, payload, 2, coalesce(lag(link) OVER (ORDER BY k), hash), link
    FROM (
      SELECT w.id, w.seq, w.hash, at.micros, e.*, seed_chain(w.hash, ${hashed.join(` || ',' || `)}) OVER (ORDER BY e.k ROWS UNBOUNDED PRECEDING) AS link
      FROM seed_workspace w, (
        SELECT 2 * r.p - 1, 2 * r.p - 1, 'PromptCreated', r.actor_id, r.actor_name, r.id, NULL::uuid, '{"slug":"' || r.slug || '","kind":"TEXT"}' FROM seed_prompt r
        UNION ALL SELECT r.k, CASE r.v WHEN 1 THEN r.k - 1 ELSE r.k END, 'VersionPromoted', r.actor_id, r.actor_name, r.prompt_id, r.save_id,
          ${promoted('latest', 'SAVE', `coalesce(nullif(r.v - 1, 0)::text, 'null')`)} FROM seed_version r
        UNION ALL SELECT ${released}, ${released}, 'VersionPromoted', r.actor_id, r.actor_name, r.prompt_id, ${releaseId(prompts, versions)},
          ${promoted('stable', 'PROMOTION', `'null'`)} FROM seed_workspace w, seed_version r WHERE r.v = ${versions}
      ) AS e (k, commit_k, type, actor_id, actor_name, prompt_id, promotion_id, payload),
        LATERAL (SELECT (extract(epoch FROM w.began + e.k * w.step) * 1000000)::bigint AS micros) AS at
      WHERE e.k <= ${events}
    ) AS links ORDER BY k`;
}
