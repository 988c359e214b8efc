import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createPromptForge } from '../../src/sdk/client.ts';
import { diskCache } from '../../src/sdk/disk.ts';
import { freePort, makeRoom, removeRoom, seeded } from './harness.ts';
import { SLUGS, writeSnapshot } from './sdk-files.ts';
import type { RowOptions, RowResult } from './stage.ts';

const DISK = pathToFileURL(join(import.meta.dirname, '..', '..', 'dist', 'sdk', 'disk.js')).href;
const VERSIONS = 5;
const AT_ONCE = 4;
/** A write of 250 kB takes some milliseconds: so long after the first one, the kill falls anywhere in the ones after it. */
const KILLED_WITHIN_MS = 40;

/** Writes one of the prepared files after the other into the cache, as fast as it can, and says what stands on the disk for sure. */
const WRITER = `
import { readFile } from 'node:fs/promises';
import { diskCache } from '${DISK}';
const [room, path] = process.argv.slice(1);
const texts = await Promise.all(Array.from({ length: ${VERSIONS} }, (_, index) => readFile(\`\${room}/version-\${index + 1}.json\`, 'utf8')));
const cache = diskCache(path);
for (let count = 0; ; count += 1) {
  await cache.write(texts[count % texts.length]);
  process.stdout.write(\`\${count}\\n\`);
}`;

interface Kill {
  readonly writes: number;
  readonly findings: readonly string[];
}

/** Row 57: a process is killed while it writes its cache; the next one starts from the old file or from the new one. `faults` kills. */
export async function cacheCrash({ seed, faults }: RowOptions): Promise<RowResult> {
  const room = await makeRoom();
  const random = seeded(seed);
  try {
    for (let version = 1; version <= VERSIONS; version += 1)
      await writeSnapshot(join(room, `version-${version}.json`), version);
    const url = `http://127.0.0.1:${await freePort()}`;
    const kills: Kill[] = [];
    while (kills.length < faults) {
      const wave = Array.from({ length: Math.min(AT_ONCE, faults - kills.length) }, (_, index) =>
        killOne({ room, path: join(room, `cache-${index}.json`), url, afterMs: random(KILLED_WITHIN_MS) }),
      );
      kills.push(...(await Promise.all(wave)));
    }
    const left = (await readdir(room)).filter((name) => name.startsWith('.'));
    return {
      acknowledged: kills.reduce((sum, { writes }) => sum + writes, 0),
      faults: kills.length,
      findings: kills.flatMap(({ findings }) => findings).slice(0, 20),
      figures: { kills: kills.length, killedInTheMiddle: left.length },
    };
  } finally {
    await removeRoom(room);
  }
}

interface Victim {
  readonly room: string;
  readonly path: string;
  readonly url: string;
  readonly afterMs: number;
}

async function killOne({ room, path, url, afterMs }: Victim): Promise<Kill> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, room, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await closed;
  const last = Number(output.trimEnd().split('\n').at(-1));
  const expected = [last % VERSIONS, (last + 1) % VERSIONS].map((index) => index + 1);
  return { writes: last + 1, findings: await startFrom(path, url, expected) };
}

/** The client as it starts after the crash: everything is there, of one version, and not older than what was acknowledged. */
async function startFrom(path: string, url: string, expected: readonly number[]): Promise<string[]> {
  const warnings: string[] = [];
  const client = createPromptForge({
    url,
    apiKey: 'pf_key',
    transports: ['sse'],
    cache: diskCache(path),
    log: (level, message) => void (level === 'warn' && /cache/.test(message) && warnings.push(message)),
  });
  try {
    const { source } = await client.ready({ timeoutMs: 5_000 });
    const versions = new Set(client.slugs().map((slug) => client.get(slug).version));
    const [version = 0] = versions;
    const isWhole = client.slugs().length === SLUGS.length && versions.size === 1;
    return [
      ...warnings,
      ...(source === 'disk' ? [] : [`it started from ${source}`]),
      ...(isWhole
        ? []
        : [`torn: ${client.slugs().length} prompts of the versions ${[...versions].join(', ')}`]),
      ...(expected.includes(version)
        ? []
        : [`version ${version} is there, ${expected.join(' or ')} was written last`]),
    ];
  } catch (error) {
    return [`it does not start: ${String(error)}; the file has ${(await readFile(path)).length} bytes`];
  } finally {
    await client.close();
  }
}
