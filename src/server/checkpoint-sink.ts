import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPTS_MAX = 3;
const TIMEOUT_MS = 5_000;
const PAUSE_MS = 500;

/** Where checkpoints are kept outside of the database. Rejects when they did not get there. */
export interface CheckpointSink {
  /** For logs: without what an address may hold of secrets. */
  readonly name: string;
  write(lines: readonly string[]): Promise<void>;
}

/** `stdout`, `file:/path` or an https address. */
export function createCheckpointSink(target: string): CheckpointSink {
  if (target === 'stdout') return { name: target, write: writeToStdout };
  if (target.startsWith('file:')) return fileSink(target.slice('file:'.length));
  const { origin } = new URL(target);
  return { name: origin, write: (lines) => post(target, lines) };
}

export function fileSink(path: string): CheckpointSink {
  return {
    name: path,
    write: (lines) => appendFile(path, joined(lines), { mode: 0o600, flush: true }),
  };
}

async function writeToStdout(lines: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(joined(lines), (error) => (error ? reject(error) : resolve()));
  });
}

async function post(url: string, lines: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: joined(lines),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`it answered with HTTP ${response.status}`);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) throw error;
      await sleep(PAUSE_MS * attempt);
    }
  }
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
