import { median, whole } from './figures.ts';
import { linePlot, writePlot } from './plot.ts';
import { presentIn, SSE, WEB_SOCKET } from './push-report.ts';
import type { PushResults } from './push-report.ts';
import type { Heat, Runner } from './race.ts';

/** The rounds themselves; the milliseconds of single frames would be hundreds of thousands. */
export function pushData({ webSocket, sse }: PushResults) {
  return {
    webSocket: { heats: webSocket.heats, memory: webSocket.memory },
    sse: { heats: sse.heats, memory: sse.memory },
  };
}

/** Both transports in one picture each: the time until the last frame, against the number of subscribers. */
export async function pushPlot({ webSocket, sse }: PushResults): Promise<void> {
  await draw(
    'fan-out.svg',
    'One promotion of 2 kB to many WebSockets of one process',
    webSocket.heats,
    WEB_SOCKET,
  );
  await draw('fan-out-sse.svg', 'One promotion of 2 kB to many event streams of one process', sse.heats, SSE);
}

async function draw(
  file: string,
  title: string,
  heats: readonly Heat[],
  names: Readonly<Record<Runner, string>>,
): Promise<void> {
  const runners = heats[0] === undefined ? [] : presentIn(heats[0].rounds);
  const lines = runners.map((runner) => ({
    name: names[runner].replaceAll('`', ''),
    points: heats.map(
      ({ subscribers, rounds }) => [subscribers, median(rounds[runner].map(({ lastMs }) => lastMs))] as const,
    ),
  }));
  const ticks = heats.map(({ subscribers }) => ({ at: subscribers, text: whole(subscribers) }));
  const y = { label: 'milliseconds from the trigger to the last frame' };
  await writePlot(file, linePlot(title, { label: 'subscribers', ticks }, y, lines));
}
