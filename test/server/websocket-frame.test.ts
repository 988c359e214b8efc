import { expect, it } from 'vitest';
import { bookmark } from '../../src/realtime/frames.ts';
import { Payload } from '../../src/realtime/payload.ts';
import { frameWriter } from '../../src/server/websocket-frame.ts';

it('writes its own frame to an operation that is called like a form of another transport', () => {
  const payload = new Payload(bookmark({ seq: 1n, cursor: 'c' }, 0), Buffer.from('{}'));
  for (const form of ['sse', 'chunk']) {
    payload.wrapped(form, () => Buffer.from('not for a WebSocket'));
    expect(frameWriter(form)(payload).subarray(2).toString()).toBe(
      `{"id":"${form}","type":"next","payload":{}}`,
    );
  }
});
