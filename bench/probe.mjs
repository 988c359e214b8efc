// Preloaded into every server that is measured: it tells what the process has used, and ends it when the benchmark is gone.
import { monitorEventLoopDelay } from 'node:perf_hooks';

let loop = null;
process.on('message', (question) => {
  if (question === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send((user + system) / 1_000);
  }
  if (question === 'vitals') {
    // From the first question on: who does not ask pays for no timer.
    loop ??= monitorEventLoopDelay({ resolution: 10 });
    loop.enable();
    const { rss, heapUsed } = process.memoryUsage();
    process.send({ rss, heapUsed, loopP99Ms: Math.max(0, loop.percentile(99) / 1e6 - 10) });
    loop.reset();
  }
  if (question === 'memory') {
    // Twice: what the first one finalises is freed by the second.
    globalThis.gc();
    globalThis.gc();
    process.send(process.memoryUsage.rss());
  }
});
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel.unref();
