import { appendFileSync } from 'node:fs';
import type pg from 'pg';
import { chainFaults } from '../db/chain.ts';
import type { EventRow } from '../db/chain.ts';

/** One line of the log that the clients keep: what was begun, and what became of it. */
export type WitnessLine =
  | { readonly what: 'invoke'; readonly op: string; readonly slug: string; readonly version: number }
  | { readonly what: 'ok'; readonly op: string; readonly promotion: string }
  | { readonly what: 'fail' | 'unknown'; readonly op: string; readonly why: string };

export interface Witness {
  readonly lines: readonly WitnessLine[];
  note(line: WitnessLine): void;
}

/** Keeps the log in memory and, where a file is named, as JSONL that outlives this process. */
export function createWitness(file?: string): Witness {
  const lines: WitnessLine[] = [];
  return {
    lines,
    note: (line) => {
      lines.push(line);
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
    },
  };
}

/** What the database holds when all is over. */
export interface FinalState {
  readonly workspaceId: string;
  readonly promotions: readonly {
    readonly id: string;
    readonly op: string;
    readonly slug: string;
    readonly version: number;
    readonly ordinal: number;
  }[];
  readonly pointers: readonly {
    readonly slug: string;
    readonly promotion: string;
    readonly version: number;
  }[];
  readonly log: readonly EventRow[];
}

/** The operation's name travels as the promotion's reason. */
export async function readFinalState(client: pg.Client): Promise<FinalState> {
  const rows = async <Row extends pg.QueryResultRow>(sql: string) => (await client.query<Row>(sql)).rows;
  const [workspace] = await rows<{ id: string }>('SELECT id FROM workspace');
  return {
    workspaceId: workspace?.id ?? '',
    promotions:
      await rows(`SELECT m.id, m.reason AS op, p.slug, v.number AS version, m.ordinal FROM promotion m
      JOIN prompt p ON p.id = m.prompt_id JOIN prompt_version v ON v.id = m.version_id WHERE m.kind = 'PROMOTION'`),
    pointers:
      await rows(`SELECT p.slug, c.promotion_id AS promotion, v.number AS version FROM channel_pointer c
      JOIN prompt p ON p.id = c.prompt_id JOIN channel ch ON ch.id = c.channel_id JOIN prompt_version v ON v.id = c.version_id WHERE ch.name = 'stable'`),
    log: await rows<EventRow>('SELECT * FROM event ORDER BY seq'),
  };
}

/** Everything that contradicts the promises; nothing when they held. */
export function findings(lines: readonly WitnessLine[], state: FinalState): string[] {
  return [
    ...chainFaults(state.workspaceId, state.log).map((seq) => `the chain is broken at event ${seq}`),
    ...operationFindings(lines, state),
    ...promotionFindings(state),
    ...pointerFindings(state),
  ];
}

/** Acknowledged: there, once, as it was answered. Refused: not there. Unknown: there once, or not at all. */
function operationFindings(lines: readonly WitnessLine[], state: FinalState): string[] {
  const found: string[] = [];
  const invoked = new Map(
    lines.flatMap((line) => (line.what === 'invoke' ? [[line.op, line] as const] : [])),
  );
  for (const { op, id } of state.promotions)
    if (!invoked.has(op)) found.push(`promotion ${id} was never asked for: ${op}`);
  for (const [op, { slug, version }] of invoked) {
    const outcomes = lines.filter((line) => line.op === op && line.what !== 'invoke');
    const held = state.promotions.filter((promotion) => promotion.op === op);
    const acknowledged = outcomes.flatMap((line) => (line.what === 'ok' ? [line.promotion] : []));
    const isRefused = outcomes.at(-1)?.what === 'fail';
    if (held.length > 1) found.push(`${op} happened ${held.length} times`);
    if (held.some((promotion) => promotion.slug !== slug || promotion.version !== version))
      found.push(`${op} happened to something else`);
    if (acknowledged.some((id) => held.every((promotion) => promotion.id !== id)))
      found.push(`${op} was acknowledged and is lost`);
    if (isRefused && held.length > 0) found.push(`${op} was refused and happened`);
  }
  return found;
}

/** A promotion and its event are one: none without the other. */
function promotionFindings({ promotions, log }: FinalState): string[] {
  const events = log.filter(
    (event) => event.promotion_id !== null && event.payload.includes('"kind":"PROMOTION"'),
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

/** The channel points where the newest promotion says. */
function pointerFindings({ promotions, pointers }: FinalState): string[] {
  return pointers.flatMap(({ slug, promotion, version }) => {
    const newest = promotions
      .filter((candidate) => candidate.slug === slug)
      .toSorted((a, b) => b.ordinal - a.ordinal)[0];
    const agrees = newest?.id === promotion && newest.version === version;
    return agrees ? [] : [`${slug} is pointed at ${promotion}, its newest promotion is ${newest?.id}`];
  });
}
