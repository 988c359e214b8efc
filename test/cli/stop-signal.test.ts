import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run, temporaryDirectory } from '../support/process.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Loaded first: tells when the process begins to listen for the signal. */
const TELL = `data:text/javascript,${encodeURIComponent(
  "process.on('newListener', (name) => { if (name === 'SIGTERM') process.stdout.write('listens\\n'); });",
)}`;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

/** Starts a server on an empty directory, sends SIGTERM when it has written `word`, and waits for its end. */
async function stopWhen(word: string, args: readonly string[], env: Record<string, string> = {}) {
  const { child, output, errors } = run(args, { PORT: '0', PROMPTFORGE_DATA_DIR: directory.path, ...env });
  const ended = once(child, 'exit');
  await expect.poll(() => output() + errors(), { timeout: 60_000, interval: 5 }).toContain(word);
  child.kill('SIGTERM');
  await ended;
  return { code: child.exitCode, signal: child.signalCode, output: output(), errors: errors() };
}

describe('SIGTERM while the server starts', { timeout: 120_000 }, () => {
  it.each([['dist/main.js'], ['dist/cli/main.js', 'serve']])(
    'ends it in order before it is loaded: %s %s',
    async (...args) => {
      const ended = await stopWhen('listens', ['--import', TELL, ...args]);
      expect(ended).toMatchObject({ code: 0, signal: null, errors: '' });
      expect(ended.output).not.toContain('ready');
      expect(existsSync(join(directory.path, 'postgres'))).toBe(false);
    },
  );

  it('is listened for before anything else is loaded', () => {
    const source = readFileSync(join(ROOT, 'src/main.ts'), 'utf8');
    const first = [...source.matchAll(/^import .* from '\.\/(.*)'/gm)].map(([, from = '']) => from);
    // Either is small, and imports nothing of ours.
    expect(first).toEqual(['cli/stop-signal.ts', 'cli/tick-shape.ts']);
    for (const file of first) expect(readFileSync(join(ROOT, 'src', file), 'utf8')).not.toMatch(/from '\./);
  });

  it('stops a running initdb, waits for it and leaves nothing behind', async () => {
    const ended = await stopWhen('Creating the database', ['dist/main.js']);
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.output).not.toContain('ready');
    expect(processesOn(directory.path)).toEqual([]);
    expect(readdirSync(directory.path).filter((name) => name.startsWith('postgres'))).toEqual([]);
  });

  it('stops the PostgreSQL that has just come up', async () => {
    const ended = await stopWhen('runs in', ['dist/main.js']);
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(processesOn(directory.path)).toEqual([]);
  });

  it('does not wait for a database that does not answer', async () => {
    const DATABASE_URL = 'postgresql://u@127.0.0.1:1/db';
    const ended = await stopWhen('does not answer yet', ['dist/main.js'], { DATABASE_URL });
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.errors).not.toContain('cannot start');
  });
});

/** Command lines of running processes that name the directory. */
function processesOn(path: string): string[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    })
    .filter((command) => command.includes(path));
}
