import type { Reader } from '../db/client.ts';
import { readEvents, readHeads } from '../db/event-log.ts';
import type { LogHead, StoredEvent } from '../db/event-log.ts';
import { isUnavailable } from '../db/database-errors.ts';
import { ConsumerFailure, createApplied } from './applied.ts';
import type { FeedConsumer, FeedLog } from './feed-types.ts';
import { createTurns } from './turns.ts';

const PAGE = 2_000;

export interface TailOptions {
  readonly reader: Reader;
  readonly consumers: readonly FeedConsumer[];
  readonly log: FeedLog;
  /** The database answered, or did not: to the tail itself, or to a consumer. */
  readonly onAnswer: () => void;
  readonly onFailure: (error: unknown) => void;
  /** The consumers took what they were told, or one of them failed though the database answers. */
  readonly onDelivered: (workspaceId: string) => void;
  readonly onConsumerFailure: (workspaceId: string, cause: unknown) => void;
  /** Everything that was committed up to that moment is applied. */
  readonly onCaughtUp: (workspaceId: string, atMs: number) => void;
  readonly nowMs: () => number;
}

/** Brings the consumers up to the ends of the logs. */
export interface Tail {
  /** Logs count from these places. What is announced before is ignored: nothing is in memory yet that it could be missing from. */
  begin(heads: ReadonlyMap<string, LogHead>): void;
  /** How far the consumers were told; undefined: nothing is known of the workspace. */
  readonly headOf: (workspaceId: string) => LogHead | undefined;
  /** Settles when everything that was committed before the call was applied, or the attempt has failed. */
  advance(workspaceId: string): Promise<void>;
  /** Settles when what is being read at this moment was applied, or that has failed. */
  underWay(workspaceId: string): Promise<void>;
  /** Advances wherever the heads are not what was applied. @returns where that is */
  advanceTo(heads: ReadonlyMap<string, LogHead>): readonly string[];
  stop(): Promise<void>;
}

export function createTail(options: TailOptions): Tail {
  const { reader, consumers, log, onAnswer } = options;
  const stopping = new AbortController();
  let begun = false;
  const applied = createApplied(consumers, options.onDelivered);
  const turns = createTurns((workspaceId) => tellOutcome(options, workspaceId, () => catchUp(workspaceId)));

  async function catchUp(workspaceId: string): Promise<void> {
    for (let more = true; more && !stopping.signal.aborted;) {
      const from = applied.get(workspaceId);
      if (from === undefined) return adopt(workspaceId);
      const page = await readWholeCommits(reader, workspaceId, from);
      onAnswer();
      if (!continues(from, page.rows)) return replace(workspaceId, from);
      const events = page.rows.filter((event) => event.seq > from.seq);
      await applied.deliver(workspaceId, events);
      ({ more } = page);
    }
  }

  // A workspace that appeared after the start: nothing of it is in memory, so its log counts from where it stands now.
  async function adopt(workspaceId: string): Promise<void> {
    const head = (await readHeads(reader)).get(workspaceId);
    onAnswer();
    if (head !== undefined) await applied.reset(workspaceId, head);
  }

  async function replace(workspaceId: string, from: LogHead): Promise<void> {
    const head = (await readHeads(reader)).get(workspaceId);
    const message = 'the event log does not continue what this node applied: reading everything again';
    if (head === undefined) log.info({ workspaceId }, 'a workspace is gone, and what this node held of it');
    else log.error({ workspaceId, seq: String(from.seq) }, message);
    await applied.reset(workspaceId, head);
  }

  return {
    begin: (heads) => {
      applied.begin(heads);
      begun = true;
    },
    headOf: (workspaceId) => applied.get(workspaceId),
    advance: async (workspaceId) => {
      if (begun && !stopping.signal.aborted) await turns.take(workspaceId);
    },
    underWay: (workspaceId) => turns.underWay(workspaceId),
    // Judged in its turn only: heads may be older than what was applied since they were read, which is no rewound log.
    advanceTo: (heads) => {
      if (!begun) return [];
      const behind = applied.differing(heads);
      for (const workspaceId of behind) void turns.take(workspaceId);
      return behind;
    },
    stop: async () => {
      stopping.abort();
      await turns.settled();
    },
  };
}

async function tellOutcome(
  options: TailOptions,
  workspaceId: string,
  catchUp: () => Promise<void>,
): Promise<void> {
  const atMs = options.nowMs();
  try {
    await catchUp();
    options.onCaughtUp(workspaceId, atMs);
  } catch (error) {
    report(options, workspaceId, error);
  }
}

/** A consumer that could not reach the database is the database's failure. */
function report({ onFailure, onConsumerFailure }: TailOptions, workspaceId: string, error: unknown): void {
  if (!(error instanceof ConsumerFailure)) onFailure(error);
  else if (isUnavailable(error.cause)) onFailure(error.cause);
  else onConsumerFailure(workspaceId, error.cause);
}

/** From the event that was applied last, itself included, on. A full page may end inside a commit: that one waits for the next page. */
async function readWholeCommits(
  reader: Reader,
  workspaceId: string,
  from: LogHead,
): Promise<{ rows: readonly StoredEvent[]; more: boolean }> {
  for (let limit = PAGE; ; limit *= 2) {
    const rows = await readEvents(reader, workspaceId, from.seq - 1n, limit);
    if (rows.length < limit) return { rows, more: false };
    const cut = rows.at(-1)?.commitSeq;
    const whole = rows.filter((event) => event.commitSeq !== cut);
    if (whole.some((event) => event.seq > from.seq)) return { rows: whole, more: true };
  }
}

/** The last applied event is still the one it was, nothing is missing after it, and each is chained to the one before. */
function continues(from: LogHead, rows: readonly StoredEvent[]): boolean {
  const [first, ...rest] = rows;
  const isAnchored = first?.seq === from.seq && sameBytes(first.hash, from.hash);
  if (from.seq > 0n && !isAnchored) return false;
  let { seq, hash } = from;
  for (const event of isAnchored ? rest : rows) {
    if (event.seq !== seq + 1n || !sameBytes(event.prevHash, hash)) return false;
    ({ seq, hash } = event);
  }
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
