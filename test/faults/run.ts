// The long form: node --import tsx test/faults/run.ts --row 1 --seeds 20 [--first 1] [--faults 5] [--history run.jsonl]
// One JSON line a seed; ends with 1 when a promise was broken. The short form of the same rows runs with the tests.
import { parseArgs } from 'node:util';
import { ROWS } from './all-rows.ts';

const { values } = parseArgs({
  options: {
    row: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    first: { type: 'string', default: '1' },
    faults: { type: 'string', default: '5' },
    history: { type: 'string' },
  },
});
const row = ROWS[Number(values.row)];
if (row === undefined) {
  console.error(`--row is one of ${Object.keys(ROWS).join(', ')}`);
  process.exit(2);
}
let broken = 0;
const first = Number(values.first);
for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  const began = Date.now();
  const historyFile = values.history === undefined ? {} : { historyFile: values.history };
  const result = await row({ seed, faults: Number(values.faults), ...historyFile });
  broken += result.findings.length;
  console.log(
    JSON.stringify({ row: Number(values.row), seed, seconds: (Date.now() - began) / 1_000, ...result }),
  );
}
process.exitCode = broken === 0 ? 0 : 1;
