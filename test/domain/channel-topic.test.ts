import { describe, expect, it } from 'vitest';
import { ChannelNotFound } from '../../src/domain/channel.ts';
import { parseTopic, topicMatch } from '../../src/domain/channel-topic.ts';
import { InvalidInput } from '../../src/domain/errors.ts';

describe('a topic', () => {
  it('is every prompt of the channel when no patterns are given', () => {
    for (const prompts of [null, undefined]) {
      const topic = parseTopic('stable', prompts);
      expect(topic).toEqual({ channel: 'stable', prompts: null });
      expect(topicMatch(topic)('any/thing')).toBe(true);
    }
  });

  it('covers slugs and whole folders, and nothing beside them', () => {
    const matches = topicMatch(parseTopic('stable', ['greeting', 'support/*', 'a/b/*']));
    expect(['greeting', 'support/x', 'support/deep/x', 'a/b/c'].map(matches)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    const outside = ['greeting2', 'greeting/x', 'support', 'supporter/x', 'a/x', 'a/b'];
    expect(outside.map(matches)).toEqual(outside.map(() => false));
  });

  it('has its patterns sorted and each once: the order of a request makes no other topic', () => {
    expect(parseTopic('latest', ['b', 'a/*', 'b'])).toEqual(parseTopic('latest', ['a/*', 'b']));
  });

  it.each([
    ['', 'prompts[0]'],
    ['*', 'prompts[0]'],
    ['/*', 'prompts[0]'],
    ['Support/*', 'prompts[0]'],
    ['support/*/x', 'prompts[0]'],
    ['../x', 'prompts[0]'],
    ['a/**', 'prompts[0]'],
    ['\u0000', 'prompts[0]'],
    ['\ud800', 'prompts[0]'],
  ])('refuses the pattern %j', (pattern, field) => {
    expect(() => parseTopic('stable', [pattern])).toThrow(expect.objectContaining({ field }));
  });

  it('refuses none and more than a hundred patterns, and says what to do', () => {
    const many = Array.from({ length: 101 }, (_, index) => `p${index}`);
    for (const prompts of [[], many])
      expect(() => parseTopic('stable', prompts)).toThrow(/1 to 100 are allowed: leave it out/);
    expect(parseTopic('stable', many.slice(1)).prompts).toHaveLength(100);
    expect(() => parseTopic('stable', [])).toThrow(InvalidInput);
  });

  it('refuses what is no name of a channel', () => {
    for (const channel of ['', 'Stable', 'x'.repeat(33), '\u0000'])
      expect(() => parseTopic(channel, null)).toThrow(ChannelNotFound);
  });
});
