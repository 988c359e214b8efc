import type pg from 'pg';
import { chainFaults } from '../db/chain.ts';
import type { EventRow } from '../db/chain.ts';
import type { Entry, Item } from './history.ts';

/** An event as it is kept in a history: hashes as hex. */
export interface LoggedRow {
  readonly workspace_id: string;
  readonly seq: string;
  readonly commit_seq: string;
  readonly type: string;
  readonly actor_kind: string;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly at_micros: string;
  readonly prompt_id: string | null;
  readonly promotion_id: string | null;
  readonly payload: string;
  readonly source_address: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly hash_version: number;
  readonly prev_hash: string;
  readonly hash: string;
}

/** What the database holds of one workspace when all is over. */
export interface FinalState {
  readonly workspaceId: string;
  readonly promotions: readonly {
    readonly id: string;
    readonly op: string;
    readonly slug: string;
    readonly version: number;
    readonly ordinal: number;
  }[];
  /** What the channel `stable` serves. */
  readonly pointers: readonly {
    readonly slug: string;
    readonly promotion: string;
    readonly version: number | null;
  }[];
  readonly log: readonly LoggedRow[];
}

/** The operation's name travels as the promotion's reason. */
export async function readFinalState(client: pg.Client, workspace = 'default'): Promise<FinalState> {
  const rows = async <Row extends pg.QueryResultRow>(sql: string, values: string[]) =>
    (await client.query<Row>(sql, values)).rows;
  const [found] = await rows<{ id: string }>('SELECT id FROM workspace WHERE slug = $1', [workspace]);
  const workspaceId = found?.id ?? '';
  const log = await rows<EventRow>('SELECT * FROM event WHERE workspace_id = $1 ORDER BY seq', [workspaceId]);
  return {
    workspaceId,
    promotions: await rows(
      `SELECT m.id, coalesce(m.reason, '') AS op, p.slug, v.number AS version, m.ordinal FROM promotion m
       JOIN prompt p ON p.id = m.prompt_id JOIN prompt_version v ON v.id = m.version_id
       WHERE m.kind = 'PROMOTION' AND m.workspace_id = $1`,
      [workspaceId],
    ),
    pointers: await rows(
      `SELECT p.slug, c.promotion_id AS promotion, v.number AS version FROM channel_pointer c
       JOIN prompt p ON p.id = c.prompt_id JOIN channel ch ON ch.id = c.channel_id
       LEFT JOIN prompt_version v ON v.id = c.version_id WHERE ch.name = 'stable' AND c.workspace_id = $1`,
      [workspaceId],
    ),
    log: log.map((row) => ({
      ...row,
      prev_hash: row.prev_hash.toString('hex'),
      hash: row.hash.toString('hex'),
    })),
  };
}

/** Everything in the database that contradicts what was answered; nothing when the promises held. */
export function findings(history: readonly Entry[], state: FinalState): string[] {
  const log = state.log.map((row): EventRow => ({
    ...row,
    prev_hash: Buffer.from(row.prev_hash, 'hex'),
    hash: Buffer.from(row.hash, 'hex'),
  }));
  return [
    ...chainFaults(state.workspaceId, log).map((seq) => `the chain is broken at event ${seq}`),
    ...operationFindings(history, state),
    ...promotionFindings(state),
    ...pointerFindings(state),
  ];
}

interface Outcome {
  readonly items: readonly Item[];
  readonly promotions: string[];
  last: 'invoke' | 'ok' | 'fail' | 'unknown';
}

function outcomesOf(history: readonly Entry[]): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const entry of history) {
    if (entry.what === 'invoke' && !outcomes.has(entry.op))
      outcomes.set(entry.op, { items: entry.items, promotions: [], last: 'invoke' });
    if (entry.what !== 'ok' && entry.what !== 'fail' && entry.what !== 'unknown') continue;
    const outcome = outcomes.get(entry.op);
    if (outcome === undefined) continue;
    outcome.last = entry.what;
    if (entry.what === 'ok') outcome.promotions.push(...entry.promotions);
  }
  return outcomes;
}

/** What has no name was done past the clients. Acknowledged: there, once, as it was answered. Refused: not there. Unknown: there once and wholly, or not at all. */
function operationFindings(history: readonly Entry[], state: FinalState): string[] {
  const found: string[] = [];
  const outcomes = outcomesOf(history);
  const byOp = groupBy(state.promotions, ({ op }) => op);
  for (const { op, id } of state.promotions)
    if (op !== '' && !outcomes.has(op)) found.push(`promotion ${id} was never asked for: ${op}`);
  for (const [op, { items, promotions, last }] of outcomes) {
    const held = byOp.get(op) ?? [];
    const names = (list: readonly Item[]) => list.map(({ slug, version }) => `${slug}@${version}`).toSorted();
    const ids = new Set(held.map(({ id }) => id));
    if (held.length > items.length) found.push(`${op} happened ${held.length} times for ${items.length}`);
    else if (held.length > 0 && held.length < items.length) found.push(`${op} happened in part`);
    else if (held.length > 0 && String(names(held)) !== String(names(items)))
      found.push(`${op} happened to something else`);
    if (promotions.some((id) => !ids.has(id))) found.push(`${op} was acknowledged and is lost`);
    if (last === 'fail' && held.length > 0) found.push(`${op} was refused and happened`);
  }
  return found;
}

export function groupBy<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** A promotion and its event are one: none without the other. */
function promotionFindings({ promotions, log }: FinalState): string[] {
  const events = log.filter(
    (event) =>
      event.promotion_id !== null && (JSON.parse(event.payload) as { kind?: string }).kind === 'PROMOTION',
  );
  const told = new Map(
    events.map((event) => [
      event.promotion_id,
      JSON.parse(event.payload) as { slug: string; version: number },
    ]),
  );
  const found = promotions.flatMap(({ id, slug, version, op }) => {
    const payload = told.get(id);
    return payload?.slug === slug && payload.version === version
      ? []
      : [`${op}: promotion ${id} and its event do not agree`];
  });
  const ids = new Set(promotions.map((promotion) => promotion.id));
  return [
    ...found,
    ...events.flatMap((event) =>
      ids.has(event.promotion_id ?? '') ? [] : [`event ${event.seq} tells of a promotion that is not there`],
    ),
  ];
}

/** The channel points where the newest event of its prompt says. */
function pointerFindings({ log, pointers }: FinalState): string[] {
  const newest = new Map<string, { promotion: string | null; version: number | null }>();
  for (const { type, payload, promotion_id: promotion } of log) {
    if (type !== 'VersionPromoted' && type !== 'VersionWithdrawn') continue;
    const { slug, channel, version = null } = JSON.parse(payload) as Moved;
    if (channel === 'stable') newest.set(slug, { promotion, version });
  }
  return pointers.flatMap(({ slug, promotion, version }) => {
    const told = newest.get(slug);
    const agrees = told?.promotion === promotion && told.version === version;
    return agrees ? [] : [`${slug} is pointed at ${promotion}, its newest event tells of ${told?.promotion}`];
  });
}

interface Moved {
  readonly slug: string;
  readonly channel: string;
  readonly version?: number;
}
