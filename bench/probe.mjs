// Preloaded into every server that `npm run bench:push` measures: it tells what the process has used, and ends it when the benchmark is gone.
process.on('message', (question) => {
  if (question === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send((user + system) / 1_000);
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
