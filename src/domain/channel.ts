import { InvalidInput, Refusal } from './errors.ts';
import { optionalText } from './text.ts';

export const LATEST = 'latest';
export const STABLE = 'stable';
export const CHANNELS_MAX = 32;

const NAME = /^[a-z][a-z0-9-]{0,31}$/;
const DESCRIPTION_LENGTH_MAX = 2_000;

export class ChannelNotFound extends Refusal {
  readonly code = 'CHANNEL_NOT_FOUND';

  constructor(name: string) {
    super(`this workspace has no channel ${JSON.stringify(name.slice(0, 64))}`);
  }
}

export class ChannelReserved extends Refusal {
  readonly code = 'CHANNEL_RESERVED';
}

export function isChannelName(name: string): boolean {
  return NAME.test(name);
}

/** @throws ChannelReserved for the two channels that every workspace has, InvalidInput for what is no channel name. */
export function requireNewChannelName(name: string): string {
  if (name === LATEST || name === STABLE)
    throw new ChannelReserved(`channel "${name}" exists in every workspace`);
  if (!isChannelName(name)) {
    throw new InvalidInput(
      'name',
      'a channel name is a lower-case letter, then at most 31 of a-z, 0-9 and "-"',
    );
  }
  return name;
}

/** Only a save moves `latest`; what is no channel name must not reach the database. @throws ChannelReserved, ChannelNotFound */
export function requireMovable(name: string): string {
  if (name === LATEST)
    throw new ChannelReserved('channel "latest" follows every save and cannot be moved by hand');
  if (!isChannelName(name)) throw new ChannelNotFound(name);
  return name;
}

export function requireChannelDescription(description: string | null | undefined): string | null {
  return optionalText('description', description, DESCRIPTION_LENGTH_MAX);
}
