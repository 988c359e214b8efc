// The long forms: npm run faults -- --row 7 --seeds 20 [--first 1] [--faults 200] [--history run.jsonl]
// Row 50 with --tool slowhttptest: by Debian's program of that name instead of our own abusers.
// One JSON line a seed; ends with 1 when a promise was broken. The short forms of the same rows run with the tests.
// A history that was kept is judged again, without any server: npm run faults -- --validate run.jsonl
import { parseArgs } from 'node:util';
import { ROWS } from './all-rows.ts';
import { readHistory } from './history.ts';
import { validate } from './validator.ts';

const { values } = parseArgs({
  options: {
    row: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    first: { type: 'string', default: '1' },
    faults: { type: 'string', default: '5' },
    history: { type: 'string' },
    tool: { type: 'string' },
    validate: { type: 'string' },
  },
});

process.exitCode = values.validate === undefined ? await play() : judge(values.validate);

async function play(): Promise<number> {
  const row = ROWS[Number(values.row)];
  if (row === undefined) {
    console.error(`--row is one of ${Object.keys(ROWS).join(', ')}`);
    return 2;
  }
  let broken = 0;
  const first = Number(values.first);
  for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
    const began = Date.now();
    const historyFile = values.history === undefined ? {} : { historyFile: `${values.history}.${seed}` };
    const tool = values.tool === 'slowhttptest' ? ({ tool: 'slowhttptest' } as const) : {};
    const result = await row({ seed, faults: Number(values.faults), ...historyFile, ...tool });
    broken += result.findings.length;
    const seconds = (Date.now() - began) / 1_000;
    console.log(JSON.stringify({ row: Number(values.row), seed, seconds, ...result }));
  }
  return broken === 0 ? 0 : 1;
}

function judge(file: string): number {
  const found = validate(readHistory(file));
  for (const finding of found) console.log(JSON.stringify(finding));
  return found.length === 0 ? 0 : 1;
}
