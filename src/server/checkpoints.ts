import {
  hasWorkspace,
  keepCheckpoint,
  markPublished,
  readContradictions,
  readUnpublished,
  readUnsignedHeads,
} from '../db/audit-checkpoints.ts';
import type { Database } from '../db/client.ts';
import { checkpointLine, signCheckpoint } from '../domain/checkpoint.ts';
import type { CheckpointSigner, SignedCheckpoint } from '../domain/checkpoint.ts';
import type { CheckpointSink } from './checkpoint-sink.ts';
import type { Log } from './log.ts';
import { startRounds } from './rounds.ts';
import type { Rounds } from './rounds.ts';

/** Longer than a sink may take: what is older and not published was left by a node that died, or by a sink that failed. */
const ON_ITS_WAY_MS = 60_000;
/** Of logs that are signed and published at a time. */
const PAGE = 500;

export interface CheckpointDeps {
  readonly database: Database;
  readonly signer: CheckpointSigner;
  /** Null: they are kept in the database only. */
  readonly sink: CheckpointSink | null;
  readonly everyMs: number;
  /** How many logs are signed at a time. */
  readonly page?: number;
  readonly meters: CheckpointMeters;
  readonly log: Log;
}

export interface CheckpointMeters {
  signed(count: number): void;
  failed(): void;
  contradicted(workspaces: number): void;
}

export interface Checkpoints extends Rounds {
  /** Sends it to its place outside now. Never rejects: the next round tries again. */
  publish(checkpoint: SignedCheckpoint): Promise<void>;
}

/**
 * Signs the head of every log that moved, at the start and then every hour. Every node does: who is first keeps the checkpoint of a head
 * and publishes it. A place outside that does not take it is told in the log and by a metric, and tried again in the next round.
 */
export function startCheckpoints(deps: CheckpointDeps): Checkpoints {
  const { log, meters, everyMs } = deps;
  const rounds = startRounds({
    everyMs,
    round: () => signAll(deps),
    onFailing: (error) => {
      meters.failed();
      log.error({ reason: String(error) }, 'audit checkpoints could not be signed');
    },
    onWorking: () => log.info('audit checkpoints are signed again'),
  });
  void rounds.now();
  return { ...rounds, publish: (checkpoint) => publish(deps, [checkpoint]) };
}

async function signAll(deps: CheckpointDeps): Promise<void> {
  const { database, signer, meters, log, page = PAGE } = deps;
  const broken = await readContradictions(database.reader);
  meters.contradicted(broken.length);
  for (const { workspaceId, seq } of broken)
    log.error(
      { workspaceId, seq: String(seq) },
      'AUDIT ALARM: the log does not hold what its signed checkpoint says; see "After an alarm" in docs/audit.md',
    );
  let unpublished = await readUnpublished(
    database.reader,
    signer.keyId,
    new Date(Date.now() - ON_ITS_WAY_MS),
  );
  for (let after: string | null = null; ;) {
    const heads: Head[] = await readUnsignedHeads(database.reader, signer.keyId, { after, limit: page });
    const kept = await signHeads(deps, heads);
    meters.signed(kept.length);
    await publish(deps, [...unpublished, ...kept]);
    unpublished = [];
    after = heads.at(-1)?.workspaceId ?? null;
    if (heads.length < page || after === null) return;
  }
}

type Head = Omit<SignedCheckpoint, 'at' | 'keyId' | 'signature'>;

/** One that cannot be kept holds up no other: its workspace may have been deleted since it was read. The next round tries it again. */
async function signHeads(
  { database, signer, meters, log }: CheckpointDeps,
  heads: readonly Head[],
): Promise<SignedCheckpoint[]> {
  const kept: SignedCheckpoint[] = [];
  for (const head of heads) {
    const checkpoint = signCheckpoint(signer, { ...head, at: new Date() });
    try {
      if (await keepCheckpoint(database.writer, checkpoint)) kept.push(checkpoint);
    } catch (error) {
      // A database that is away would fail each of them in turn, and slowly: then the round ends here.
      if (!(await hasWorkspace(database.writer, head.workspaceId))) continue;
      meters.failed();
      log.error(
        { workspaceId: head.workspaceId, reason: String(error) },
        'the audit checkpoint of a workspace could not be signed',
      );
    }
  }
  return kept;
}

async function publish(
  { database, sink, meters, log }: CheckpointDeps,
  checkpoints: readonly SignedCheckpoint[],
): Promise<void> {
  if (sink === null || checkpoints.length === 0) return;
  try {
    await sink.write(checkpoints.map(checkpointLine));
    await markPublished(database.writer, checkpoints, new Date());
  } catch (error) {
    meters.failed();
    log.error(
      { sink: sink.name, checkpoints: checkpoints.length, reason: String(error) },
      'audit checkpoints did not reach their place outside: they are kept in the database and tried again',
    );
  }
}
