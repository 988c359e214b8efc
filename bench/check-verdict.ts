/** How much of a bare server PromptForge reaches, by what was looked at: 1 is as good. */
export type Ratios = Readonly<Record<string, number>>;

/** So far under the recorded ratio means that something was broken; closer is noise. */
const ALLOWED = 0.65;

export function isUnder(ratio: number, recorded: number | undefined): boolean {
  // No figure at all is none that would do.
  return recorded !== undefined && !(ratio >= recorded * ALLOWED);
}

/** What is wrong, a line each: what is under, and what only one of both has, so that a case that is renamed or gone is not forgotten. */
export function faultsOf(seen: Ratios, recorded: Ratios): string[] {
  const names = new Set([...Object.keys(recorded), ...Object.keys(seen)]);
  return [...names].flatMap((name) => {
    const [now, before] = [seen[name], recorded[name]];
    if (now === undefined) return [`${name}: recorded, but nothing was measured under this name`];
    if (before === undefined) return [`${name}: nothing is recorded under this name`];
    return isUnder(now, before)
      ? [`${name}: ${now.toFixed(2)}, twice more than 35 % under the recorded ${before.toFixed(2)}`]
      : [];
  });
}

export interface Recording {
  readonly data: Ratios;
  /** What would be lower, or no longer there, a line each. */
  readonly lowered: readonly string[];
}

/** What is to be recorded: a ratio that fell, or is gone, is only taken over by who says that it may be. */
export function recordingOf(seen: Ratios, recorded: Ratios, mayLower: boolean): Recording {
  const fallen = Object.entries(recorded).filter(([name, before]) => !((seen[name] ?? 0) >= before));
  return {
    data: mayLower ? seen : { ...seen, ...Object.fromEntries(fallen) },
    lowered: fallen.map(
      ([name, before]) => `${name}: recorded ${before.toFixed(2)}, seen ${seen[name]?.toFixed(2) ?? 'never'}`,
    ),
  };
}
