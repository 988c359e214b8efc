import { isChannelName } from './channel.ts';
import { requirePattern } from './channel-topic.ts';
import { InvalidInput } from './errors.ts';

const ENTRIES_MAX = 100;

/** What a key or a grant is limited to: slugs and folders ("support/*"), and channels; null: all of the workspace. */
export interface Limits {
  readonly prompts: readonly string[] | null;
  readonly channels: readonly string[] | null;
}

/** Limits as they may come from outside. */
export interface LimitsInput {
  readonly prompts?: readonly string[] | null | undefined;
  readonly channels?: readonly string[] | null | undefined;
}

/**
 * Checks the form of limits; both are sorted, each entry once. Whether the channels exist is for whoever can ask.
 * @throws InvalidInput; `path` stands in front of the field's name.
 */
export function requireLimits(path: string, { prompts, channels }: LimitsInput): Limits {
  const limits = {
    prompts: entriesOf(`${path}prompts`, prompts),
    channels: entriesOf(`${path}channels`, channels),
  };
  limits.prompts?.forEach((pattern) => requirePattern(`${path}prompts`, pattern));
  limits.channels?.forEach((name) => {
    if (!isChannelName(name)) throw unknownChannel(path, name);
  });
  return limits;
}

/** @throws InvalidInput for a channel that is not among those of the workspace. */
export function requireKnownChannels(path: string, { channels }: Limits, known: ReadonlySet<string>): void {
  const unknown = channels?.find((name) => !known.has(name));
  if (unknown !== undefined) throw unknownChannel(path, unknown);
}

export function isLimited({ prompts, channels }: Limits): boolean {
  return prompts !== null || channels !== null;
}

function entriesOf(field: string, entries: readonly string[] | null | undefined): readonly string[] | null {
  if (entries === null || entries === undefined) return null;
  if (entries.length === 0 || entries.length > ENTRIES_MAX) {
    throw new InvalidInput(
      field,
      `has ${entries.length} entries, 1 to ${ENTRIES_MAX} are allowed: leave it out for no limit`,
    );
  }
  return [...new Set(entries)].toSorted();
}

function unknownChannel(path: string, name: string): InvalidInput {
  const shown = JSON.stringify(name.slice(0, 60).replaceAll(/\P{ASCII}|\p{Cc}/gu, '?'));
  return new InvalidInput(`${path}channels`, `this workspace has no channel ${shown}`);
}
