import { InvalidInput } from './errors.ts';

const MINUTE_MS = 60_000;
const STEP_MS = { MINUTE: MINUTE_MS, HOUR: 60 * MINUTE_MS, DAY: 24 * 60 * MINUTE_MS } as const;
const STEPS_MAX = 1_000;

export type UsageStep = keyof typeof STEP_MS;

/** From the first second on, up to but without the last one; both since 1970. Whole minutes are counted, so they are what it holds. */
export interface UsagePeriod {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** The minutes that touch the time between the two. @throws InvalidInput unless `from` is before `to`. */
export function usagePeriod({ from, to }: { readonly from: Date; readonly to: Date }): UsagePeriod {
  if (from.getTime() >= to.getTime())
    throw new InvalidInput('from', `is not before "to" (${to.toISOString()}): give an earlier time`);
  return { fromSeconds: usageSince(from), toSeconds: usageSince(new Date(to.getTime() + MINUTE_MS - 1)) };
}

/** When the minute of a moment began. Nothing was counted before 1970, and the database knows no year 0. */
export function usageSince(moment: Date): number {
  return (Math.floor(Math.max(moment.getTime(), 0) / MINUTE_MS) * MINUTE_MS) / 1_000;
}

/** @returns the seconds of one step. @throws InvalidInput when the period has too many of them, naming what would do. */
export function requireUsageSteps({ fromSeconds, toSeconds }: UsagePeriod, step: UsageStep): number {
  const stepsOf = (name: UsageStep) => {
    const seconds = STEP_MS[name] / 1_000;
    return Math.ceil(toSeconds / seconds) - Math.floor(fromSeconds / seconds);
  };
  const steps = stepsOf(step);
  if (steps <= STEPS_MAX) return STEP_MS[step] / 1_000;
  const longer = (Object.keys(STEP_MS) as UsageStep[]).find((name) => stepsOf(name) <= STEPS_MAX);
  const instead = longer === undefined ? '' : `step ${longer}, or `;
  throw new InvalidInput(
    'step',
    `${step} makes ${steps} steps of this period, at most ${STEPS_MAX} are allowed: ask for ${instead}a shorter period`,
  );
}
