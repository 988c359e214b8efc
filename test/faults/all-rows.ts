import { backoff } from './rows-backoff.ts';
import { cacheCrash } from './rows-cache.ts';
import { duplicates } from './rows-duplicates.ts';
import { contentIntegrity } from './rows-integrity.ts';
import { neverBlocks, offlineStart } from './rows-offline.ts';
import { frameAbuse, slowConnections } from './rows-abuse.ts';
import { batches, manyWriters, randomDisconnects, slowCommitters } from './rows-feed.ts';
import { revokedKey } from './rows-credentials.ts';
import { behindPooler, databaseStopped, partition, skewedClocks, standby } from './rows-database.ts';
import { deadTail, frozenNode, herd, listenerLost, rollingRestart } from './rows-nodes.ts';
import { laggingNode, restored, strangeCursors, windowEdge } from './rows-resume.ts';
import { cycles, overflow, slowConsumers } from './rows-slow.ts';
import { cutAnswers, delayAnswers, killPostgres, killServer } from './rows.ts';
import type { RowOptions, RowResult } from './stage.ts';

/** Rows of docs/reliability.md: each is a promise that is shown by breaking something. */
export const ROWS: Readonly<Record<number, (options: RowOptions) => Promise<RowResult>>> = {
  1: killServer,
  3: killPostgres,
  4: cutAnswers,
  5: manyWriters,
  6: slowCommitters,
  7: randomDisconnects,
  8: laggingNode,
  9: strangeCursors,
  10: windowEdge,
  11: batches,
  12: restored,
  16: herd,
  17: listenerLost,
  18: behindPooler,
  19: standby,
  20: databaseStopped,
  22: partition,
  23: frozenNode,
  24: deadTail,
  25: slowConsumers,
  26: overflow,
  27: cycles,
  28: duplicates,
  29: skewedClocks,
  37: delayAnswers,
  41: rollingRestart,
  43: revokedKey,
  50: slowConnections,
  51: frameAbuse,
  53: contentIntegrity,
  54: offlineStart,
  55: neverBlocks,
  56: backoff,
  57: cacheCrash,
};
