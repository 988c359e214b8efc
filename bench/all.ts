// All parts of the benchmark, one after the other; each writes its section of docs/benchmarks.md.
//   npm run bench
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeTargets } from './targets.ts';

const PARTS = ['read', 'push', 'write', 'scale', 'start', 'check --record'];

for (const part of PARTS) {
  const [name = '', ...args] = part.split(' ');
  const file = join(import.meta.dirname, `${name}.ts`);
  if (!existsSync(file)) continue;
  const began = performance.now();
  console.error(`=== ${part}`);
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: 'inherit' });
  await once(child, 'exit');
  console.error(`=== ${part}: ${Math.round((performance.now() - began) / 1_000)} s`);
  if (child.exitCode !== 0) process.exitCode = 1;
}
await writeTargets();
