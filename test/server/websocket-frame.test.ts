import { expect, it } from 'vitest';
import { bookmark } from '../../src/realtime/frames.ts';
import { Payload } from '../../src/realtime/payload.ts';
import { frameForm } from '../../src/server/websocket-frame.ts';

const payloadOf = (text: string) => new Payload(bookmark({ seq: 1n, cursor: 'c' }, 0), Buffer.from(text));

it('makes one frame for all whose operation has the same short id, and one of its own for each longer id', () => {
  const payload = payloadOf('{}');
  const first = payload.wrapped(frameForm('1'));
  expect(first.subarray(2).toString()).toBe('{"id":"1","type":"next","payload":{}}');
  expect(payload.wrapped(frameForm('1'))).toBe(first);
  expect(payload.wrapped(frameForm('2')).subarray(2).toString()).toBe(
    '{"id":"2","type":"next","payload":{}}',
  );
  const long = 'an-id-of-its-own';
  const own = payload.wrapped(frameForm(long));
  expect(payload.wrapped(frameForm(long))).not.toBe(own);
  expect(own.subarray(2).toString()).toBe(`{"id":"${long}","type":"next","payload":{}}`);
});

it('keeps a few forms of a payload, and makes the others anew', () => {
  const payload = payloadOf('{}');
  const ids = ['1', '2', '3', '4', '5'];
  const made = ids.map((id) => payload.wrapped(frameForm(id)));
  const again = ids.map((id) => payload.wrapped(frameForm(id)));
  expect(again.map((frame, index) => frame === made[index])).toEqual([true, true, true, true, false]);
  expect(again).toEqual(made);
});
