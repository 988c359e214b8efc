import type { History } from './history.ts';
import type { Figures } from './stage.ts';

/** From the answer to a promotion to its frames, in milliseconds; 0 when the frame came before the answer. `since`: a line's time. */
export function latencyOf(history: History, since = 0): Figures {
  const acknowledged = new Map<string, number>();
  for (const line of history.lines)
    if (line.what === 'ok') for (const promotion of line.promotions) acknowledged.set(promotion, line.at);
  const waits = history.lines.flatMap((line) => {
    if (line.what !== 'frame' || line.frame.kind !== 'promoted' || line.frame.promotion === null) return [];
    const at = acknowledged.get(line.frame.promotion);
    return at === undefined || at < since ? [] : [Math.max(0, line.at - at)];
  });
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return { deliveries: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** Milliseconds since the history began. */
export function nowIn(history: History): number {
  return history.lines.at(-1)?.at ?? 0;
}
