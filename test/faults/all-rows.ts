import { batches, manyWriters, randomDisconnects, slowCommitters } from './rows-feed.ts';
import { laggingNode, restored, strangeCursors, windowEdge } from './rows-resume.ts';
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
  37: delayAnswers,
};
