/**
 * What a run costs at its cheapest, not what a cold compiler, the garbage collector or a neighbour costs: runs until one takes less than
 * `enoughMs`, fifty times at most.
 */
export function cpuMs(run: () => void, enoughMs: number): number {
  let cheapest = Infinity;
  for (let runs = 0; runs < 50 && cheapest >= enoughMs; runs += 1) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    cheapest = Math.min(cheapest, (user + system) / 1_000);
  }
  return cheapest;
}
