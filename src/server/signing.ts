import { join } from 'node:path';
import type { CheckpointSigner } from '../domain/checkpoint.ts';
import { loadSigner, ownSigner } from './audit-key.ts';
import { createCheckpointSink, fileSink } from './checkpoint-sink.ts';
import type { CheckpointSink } from './checkpoint-sink.ts';
import type { Config } from './config.ts';

const CHECKPOINT_FILE = 'audit-checkpoints.jsonl';

export interface Signing {
  readonly signer: CheckpointSigner;
  readonly sink: CheckpointSink | null;
}

/**
 * Who signs checkpoints and where they go, as the configuration says; for the embedded database, which has a directory of its own, also when
 * it says nothing. Null: nobody signs.
 * @throws ConfigInvalid
 */
export async function openSigning(
  { auditSigningKey, auditCheckpoints }: Pick<Config, 'auditSigningKey' | 'auditCheckpoints'>,
  dataDirectory: string | null,
): Promise<Signing | null> {
  const configured = auditCheckpoints === null ? null : createCheckpointSink(auditCheckpoints);
  if (auditSigningKey !== null) {
    return { signer: await loadSigner(auditSigningKey), sink: configured ?? sinkIn(dataDirectory) };
  }
  if (dataDirectory === null) return null;
  return { signer: await ownSigner(dataDirectory), sink: configured ?? sinkIn(dataDirectory) };
}

function sinkIn(dataDirectory: string | null): CheckpointSink | null {
  return dataDirectory === null ? null : fileSink(join(dataDirectory, CHECKPOINT_FILE));
}
