import { median, whole } from './figures.ts';
import { LATENCY_SHARES } from './load-client.ts';
import { barPlot, linePlot, writePlot } from './plot.ts';
import { nameOf, perSecond } from './read-report.ts';
import type { ReadResults } from './read-report.ts';

/** Two pictures: the hot POST beside the peers, and the latency at half load. */
export async function readPlots({ cases, half }: ReadResults): Promise<void> {
  const hot = cases.find(({ peers }) => Object.keys(peers).length > 0);
  if (hot !== undefined) {
    const bars = [
      { name: 'PromptForge', value: median(perSecond(hot.forge)) },
      { name: 'bare node:http', value: median(perSecond(hot.bare)) },
      ...Object.entries(hot.peers).map(([peer, rounds]) => ({
        name: nameOf(peer),
        value: median(perSecond(rounds)),
      })),
    ];
    const title = `A GraphQL query by POST that is asked often, ${whole(hot.bytes)} bytes, one core`;
    await writePlot('reads.svg', barPlot(title, { label: 'answers per second' }, bars, whole));
  }
  const ticks = LATENCY_SHARES.map((share, at) => ({ at, text: `p${share * 100}` }));
  const lines = half.map(({ name, server, latencyMs }) => ({
    name: `${server}, ${name}`,
    points: latencyMs.map((ms, at) => [at, ms] as const),
  }));
  await writePlot(
    'read-latency.svg',
    linePlot(
      'Latency of each server at half of what it answers at most',
      { label: 'percentile', ticks },
      { label: 'milliseconds', isLog: true },
      lines,
    ),
  );
}
