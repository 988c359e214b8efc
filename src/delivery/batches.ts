const BATCH_MAX = 100;
const BATCH_BYTES = 4 * 1024 * 1024;

/** So many at a time that neither a statement nor its answer takes long, whatever they are. */
export function inBatches<T>(all: readonly T[], bytesOf: (one: T) => number): T[][] {
  const batches: T[][] = [];
  let bytes = 0;
  for (const one of all) {
    const size = bytesOf(one);
    const batch = batches.at(-1);
    if (batch === undefined || batch.length === BATCH_MAX || bytes + size > BATCH_BYTES) {
      batches.push([one]);
      bytes = size;
    } else {
      batch.push(one);
      bytes += size;
    }
  }
  return batches;
}
