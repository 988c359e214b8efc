import { messageOf } from './errors.ts';
import type { Clock } from './clock.ts';
import type { BundleSource, PromptForgeOptions } from './options.ts';
import { readSnapshotFile } from './snapshot-file.ts';
import type { Bundle, ReadSnapshot, Topic } from './snapshot-file.ts';

/** A disk that does not answer must not keep anybody from asking the server. */
const READ_MAX_MS = 2_000;

export interface Kept extends ReadSnapshot {
  readonly source: 'disk' | 'bootstrap';
}

/** The first that is of use: the last known good, else the bootstrap file; null: neither. */
export async function readKept(
  { cache, bootstrap }: Pick<PromptForgeOptions, 'cache' | 'bootstrap'>,
  {
    topic,
    clock,
    warn,
  }: { readonly topic: Topic; readonly clock: Clock; readonly warn: (message: string) => void },
): Promise<Kept | null> {
  const read = async (
    source: Kept['source'],
    from: Bundle | BundleSource | undefined,
  ): Promise<Kept | null> => {
    const say = (message: string) => warn(`${source === 'disk' ? 'cache' : 'bootstrap file'}: ${message}`);
    if (from === undefined) return null;
    try {
      const file = 'read' in from ? await within(clock, from.read()) : from;
      const kept = file === null ? null : await readSnapshotFile(file, topic, say);
      return kept === null || (kept.served.length === 0 && !kept.isComplete) ? null : { ...kept, source };
    } catch (error) {
      say(`cannot be read: ${messageOf(error)}`);
      return null;
    }
  };
  return (await read('disk', cache)) ?? read('bootstrap', bootstrap);
}

async function within<Value>(clock: Clock, promise: Promise<Value>): Promise<Value> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(READ_MAX_MS, () => reject(new Error(`it was not read within ${READ_MAX_MS} ms`)));
  });
  return Promise.race([promise, late]).finally(() => cancel());
}

/** Writes the cache: one write at a time, and what changed meanwhile once more. */
export class Keeper {
  readonly #write: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #isDirty = false;
  #running: Promise<void> | null = null;

  constructor(write: () => Promise<void>, failed: (error: unknown) => void) {
    this.#write = write;
    this.#failed = failed;
  }

  save(): void {
    this.#isDirty = true;
    this.#running ??= this.#run();
  }

  /** What is to be written is written, or could not be. */
  async flush(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false;
      await this.#write().catch((error: unknown) => this.#failed(error));
    }
    this.#running = null;
  }
}
