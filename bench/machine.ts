import { cpus, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_MS = 2_000;

export function machine(): string {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${processors[0]?.model.trim() ?? 'unknown processor'}, ${processors.length} cores, ${memory}, ${process.platform}, Node ${process.version}`;
}

/** How much of the machine is taken by others, while this process only waits. */
export async function shareOfOthers(): Promise<number> {
  const before = times();
  await delay(LOOK_MS);
  const after = times();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function times(): { idle: number; all: number } {
  const spent = cpus().map((cpu) => cpu.times);
  return {
    idle: spent.reduce((sum, { idle }) => sum + idle, 0),
    all: spent.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0),
  };
}
