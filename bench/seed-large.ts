import { resolve } from 'node:path';
import { makeLargeData } from './large-data.ts';

// tsx bench/seed-large.ts <data directory> <prompts> <versions of each>: a large workspace, in the directory of an embedded database that
// PROMPTFORGE_DATA_DIR may name afterwards. The server prints its first key when it starts there.
const [directory, prompts, versions] = process.argv.slice(2);
if (directory === undefined || prompts === undefined || versions === undefined)
  throw new Error('usage: tsx bench/seed-large.ts <data directory> <prompts> <versions of each>');
const began = performance.now();
await makeLargeData(resolve(directory), { prompts: Number(prompts), versions: Number(versions) });
const seconds = (performance.now() - began) / 1_000;
const count = Number(prompts) * Number(versions);
console.log(
  `${count} versions in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second, each with promotion and event`,
);
