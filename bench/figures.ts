export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The smallest value that so large a share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Median, lowest and highest. */
export function spread(values: readonly number[], write: (value: number) => string): string {
  const [lowest, highest] = [quantile(values, 0), quantile(values, 1)];
  return `**${write(median(values))}** (${write(lowest)}-${write(highest)})`;
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
export const tenths = (value: number): string => value.toFixed(1);
export const hundredths = (value: number): string => value.toFixed(value < 0.1 ? 3 : 2);
