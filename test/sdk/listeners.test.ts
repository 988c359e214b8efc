import { expect, it } from 'vitest';
import { Audience } from '../../src/sdk/listeners.ts';

const told = { slug: 'a', from: 1, cursor: 'c' };

it('tells of a listener that throws and of one that rejects, and goes on', async () => {
  const failed: unknown[] = [];
  const audience = new Audience((error) => failed.push(error));
  const heard: string[] = [];
  audience.on('withdrawn', () => {
    throw new Error('thrown');
  });
  const rejects = (): unknown => Promise.reject(new Error('rejected'));
  audience.on('withdrawn', rejects);
  audience.on('withdrawn', ({ slug }) => heard.push(slug));
  audience.tell('withdrawn', told);
  expect(heard).toEqual(['a']);
  await expect.poll(() => failed).toEqual([new Error('thrown'), new Error('rejected')]);
});

it('tells a listener that puts itself in its own place once of each event', () => {
  const audience = new Audience(() => undefined);
  let times = 0;
  let off = () => {};
  const listener = () => {
    times += 1;
    if (times > 10) throw new Error('it never ends');
    off();
    off = audience.on('withdrawn', listener);
  };
  off = audience.on('withdrawn', listener);
  audience.tell('withdrawn', told);
  audience.tell('withdrawn', told);
  expect(times).toBe(2);
});
