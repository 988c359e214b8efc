import { Presets, SingleBar } from 'cli-progress';

/** A bar on a terminal; nothing anywhere else, so that logs and pipes stay clean. */
export interface Progress {
  advance(count: number): void;
  stop(): void;
}

export function startProgress(total: number, unit = 'versions'): Progress {
  if (!process.stderr.isTTY || total === 0) return { advance() {}, stop() {} };
  const bar = new SingleBar(
    {
      stream: process.stderr,
      format: `{bar} {value}/{total} ${unit}, {eta_formatted} left`,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { advance: (count) => bar.increment(count), stop: () => bar.stop() };
}
