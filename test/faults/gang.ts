import { attack } from './abusers.ts';
import type { Abuser, Attack } from './abusers.ts';

const TICK_MS = 50;

/** What became of connections that were held. */
export interface Held {
  readonly opened: number;
  /** How many the server ended, and how long the one that lived longest lived. */
  readonly cut: number;
  readonly slowestCutMs: number;
}

export interface Wave {
  readonly url: string;
  readonly begin: readonly Attack[];
  readonly count: number;
  /** How fast they come. */
  readonly perSecond: number;
}

/** Holds so many connections, each opened anew when it is cut. */
export function hold({ url, begin, count, perSecond }: Wave): {
  readonly full: Promise<void>;
  release(): Held;
} {
  const places: (Abuser | undefined)[] = Array.from({ length: count });
  const lived: number[] = [];
  let opened = 0;
  let isFull: () => void = () => undefined;
  const full = new Promise<void>((resolve) => (isFull = resolve));
  const timer = setInterval(() => {
    const most = opened + Math.ceil((perSecond * TICK_MS) / 1_000);
    for (const [place, abuser] of places.entries()) {
      if (opened >= most) break;
      const closedAfterMs = abuser?.closedAfterMs();
      if (closedAfterMs === null) continue;
      if (closedAfterMs !== undefined) lived.push(closedAfterMs);
      abuser?.destroy();
      places[place] = attack(url, begin[place % begin.length] as Attack);
      opened += 1;
    }
    if (opened >= count) isFull();
  }, TICK_MS);
  return {
    full,
    release: () => {
      clearInterval(timer);
      for (const abuser of places) abuser?.destroy();
      return { opened, cut: lived.length, slowestCutMs: Math.round(Math.max(0, ...lived)) };
    },
  };
}

/** Opens so many connections, once. @returns how long each of them lived; infinite: it was open when the patience was over. */
export async function strike({ url, begin, count, perSecond }: Wave, patienceMs: number): Promise<number[]> {
  const abusers: Abuser[] = [];
  const isOver = () => abusers.length === count && abusers.every((each) => each.closedAfterMs() !== null);
  const deadline = performance.now() + patienceMs;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      for (let left = Math.ceil((perSecond * TICK_MS) / 1_000); left > 0 && abusers.length < count; left -= 1)
        abusers.push(attack(url, begin[abusers.length % begin.length] as Attack));
      if (!isOver() && performance.now() < deadline) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  const lived = abusers.map((each) => Math.round(each.closedAfterMs() ?? Number.MAX_SAFE_INTEGER));
  for (const abuser of abusers) abuser.destroy();
  return lived;
}
