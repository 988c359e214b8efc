import { describe, expect, it } from 'vitest';
import type { Grant } from '../../src/domain/actor.ts';
import { channelsNamed, channelsWithin } from '../../src/domain/actor.ts';
import {
  knownChannels,
  mayReadAll,
  mayReadPrompt,
  mayReadServed,
  readsSomething,
  servedPrompts,
} from '../../src/domain/actor-reading.ts';
import { ChannelNotFound } from '../../src/domain/channel.ts';
import { narrowTopic } from '../../src/domain/channel-topic.ts';
import { Forbidden } from '../../src/domain/errors.ts';
import { actorWith } from '../support/actors.ts';

const actor = (...grants: Grant[]) => actorWith({ workspaceId: 'w', name: 'ci', grants });
const all = actor({ role: 'VIEWER', prompts: null, channels: null });
const viewer = actor({ role: 'VIEWER', prompts: ['support/*'], channels: null });
const service = actor({ role: 'SERVICE', prompts: ['support/*'], channels: ['stable'] });
const onChannel = actor({ role: 'RELEASER', prompts: null, channels: ['stable'] });
const mixed = actor(
  { role: 'VIEWER', prompts: ['sales/*'], channels: null },
  { role: 'RELEASER', prompts: ['support/*'], channels: ['stable'] },
);
const operator = actor({ role: 'OPERATOR', prompts: null, channels: null });

describe('reading', () => {
  it('is of everything without limits, and of nothing for an operator', () => {
    expect([mayReadAll(all), mayReadPrompt(all, 'a'), mayReadServed(all, 'a', 'stable')]).toEqual([
      true,
      true,
      true,
    ]);
    expect(servedPrompts(all, 'stable')).toBeNull();
    expect([readsSomething(operator), mayReadServed(operator, 'a', 'stable')]).toEqual([false, false]);
    expect(servedPrompts(operator, 'stable')).toEqual([]);
  });

  it('is of the registry for the prompts of a grant, on every channel', () => {
    expect([
      mayReadAll(viewer),
      mayReadPrompt(viewer, 'support/a'),
      mayReadPrompt(viewer, 'sales/a'),
    ]).toEqual([false, true, false]);
    expect(mayReadServed(viewer, 'support/a', 'canary')).toBe(true);
    expect(knownChannels(viewer)).toBeNull();
  });

  it('is of what is served, and not of the registry, for a grant that is limited to channels', () => {
    for (const each of [service, onChannel]) {
      expect(mayReadPrompt(each, 'support/a')).toBe(false);
      expect(mayReadServed(each, 'support/a', 'stable')).toBe(true);
      expect(mayReadServed(each, 'support/a', 'canary')).toBe(false);
      expect(knownChannels(each)).toEqual(['stable']);
    }
    expect(mayReadServed(service, 'sales/a', 'stable')).toBe(false);
  });

  it('of several grants is what one or the other covers, and not what both would together', () => {
    expect(servedPrompts(mixed, 'stable')).toEqual(['sales/*', 'support/*']);
    expect(servedPrompts(mixed, 'canary')).toEqual(['sales/*']);
    expect(mayReadPrompt(mixed, 'support/a')).toBe(false);
    expect(channelsWithin(mixed, 'channels:read')).toBeNull();
    expect(channelsNamed(mixed, 'channels:read')).toEqual(['stable']);
  });
});

describe('a topic', () => {
  it('without patterns is narrowed to what is covered', () => {
    expect(narrowTopic(service, { channel: 'stable', prompts: null }).prompts).toEqual(['support/*']);
    expect(narrowTopic(all, { channel: 'stable', prompts: null }).prompts).toBeNull();
  });

  it('keeps patterns that are covered, and is refused with those beyond', () => {
    const topic = { channel: 'stable', prompts: ['support/a', 'support/b/*'] };
    expect(narrowTopic(service, topic)).toEqual(topic);
    for (const pattern of ['sales/a', 'sup/*', 'support'])
      expect(() => narrowTopic(service, { channel: 'stable', prompts: [pattern] })).toThrow(Forbidden);
  });

  it('of a channel that is not covered is one that does not exist, whatever it asks for', () => {
    for (const prompts of [null, ['sales/a']])
      expect(() => narrowTopic(service, { channel: 'canary', prompts })).toThrow(ChannelNotFound);
  });
});
