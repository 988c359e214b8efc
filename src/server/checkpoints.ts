import {
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

export interface CheckpointDeps {
  readonly database: Database;
  readonly signer: CheckpointSigner;
  /** Null: they are kept in the database only. */
  readonly sink: CheckpointSink | null;
  readonly everyMs: number;
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
  const { database, signer, meters, log } = deps;
  const broken = await readContradictions(database.reader);
  meters.contradicted(broken.length);
  for (const { workspaceId, seq } of broken)
    log.error(
      { workspaceId, seq: String(seq) },
      'AUDIT ALARM: the log does not hold what its signed checkpoint says; see "After an alarm" in docs/audit.md',
    );
  const kept: SignedCheckpoint[] = [];
  for (const head of await readUnsignedHeads(database.reader, signer.keyId)) {
    const checkpoint = signCheckpoint(signer, { ...head, at: new Date() });
    if (await keepCheckpoint(database.writer, checkpoint)) kept.push(checkpoint);
  }
  meters.signed(kept.length);
  const left = await readUnpublished(database.reader, signer.keyId, new Date(Date.now() - ON_ITS_WAY_MS));
  await publish(deps, [...left, ...kept]);
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
