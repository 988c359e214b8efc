import { describe, expect, it } from 'vitest';
import {
  ChannelNotFound,
  ChannelReserved,
  isChannelName,
  requireChannelDescription,
  requireMovable,
  requireNewChannelName,
} from '../../src/domain/channel.ts';
import { InvalidInput } from '../../src/domain/errors.ts';

const NAMES = ['a', 'canary', 'eu-west-1', 'a-', 'a'.repeat(32)];
const NO_NAMES = [
  '',
  'A',
  '1a',
  '-a',
  'a_b',
  'a.b',
  'a b',
  'a\n',
  '\na',
  'ä',
  'a\u0000',
  '\ud800',
  'a'.repeat(33),
];

describe('a channel name', () => {
  it.each(NAMES)('may be %j', (name) => {
    expect(isChannelName(name)).toBe(true);
    expect(requireNewChannelName(name)).toBe(name);
    expect(requireMovable(name)).toBe(name);
  });

  it.each(NO_NAMES)('may not be %j: invalid to create, not found to move', (name) => {
    expect(isChannelName(name)).toBe(false);
    expect(() => requireNewChannelName(name)).toThrow(InvalidInput);
    expect(() => requireMovable(name)).toThrow(ChannelNotFound);
  });

  it('is reserved for the two that every workspace has; of these, stable may be moved', () => {
    for (const name of ['latest', 'stable'])
      expect(() => requireNewChannelName(name)).toThrow(ChannelReserved);
    expect(() => requireMovable('latest')).toThrow(ChannelReserved);
    expect(requireMovable('stable')).toBe('stable');
  });
});

describe('a channel description', () => {
  it('has at most 2,000 characters; absent is null', () => {
    expect(requireChannelDescription('x'.repeat(2000))).toHaveLength(2000);
    expect(requireChannelDescription(undefined)).toBeNull();
    expect(requireChannelDescription(null)).toBeNull();
    expect(() => requireChannelDescription('x'.repeat(2001))).toThrow(InvalidInput);
  });
});
