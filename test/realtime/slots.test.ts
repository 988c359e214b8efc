import { expect, it } from 'vitest';
import { Slots } from '../../src/realtime/slots.ts';
import { deferred } from '../support/deferred.ts';

it('runs so many at a time, the others in their order, also after one has failed', async () => {
  const slots = new Slots(2);
  const begun: number[] = [];
  const gates = [0, 1, 2, 3].map(() => deferred<void>());
  const runs = gates.map(({ promise }, index) =>
    slots.run(async () => {
      begun.push(index);
      await promise;
      return index;
    }),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  gates[1]?.reject(new Error('failed'));
  await expect(runs[1]).rejects.toThrow('failed');
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  gates[0]?.resolve();
  gates[2]?.resolve();
  expect(await Promise.all([runs[0], runs[2]])).toEqual([0, 2]);
  await expect.poll(() => begun).toEqual([0, 1, 2, 3]);
  gates[3]?.resolve();
  expect(await runs[3]).toBe(3);
  expect(await slots.run(async () => 'free again')).toBe('free again');
});
