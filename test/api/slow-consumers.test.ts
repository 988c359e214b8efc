import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import type { TestEventStream } from '../support/event-stream.ts';
import { openFollower } from '../support/follower.ts';
import type { Follower } from '../support/follower.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { metricBecomes, metricOf } from '../support/streams.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const CUT = 'promptforge_stream_cut_total{reason="SLOW_CONSUMER"}';
const TEXT = 'x'.repeat(700_000);
/** More than what the kernel takes for a socket that nobody reads. */
const PROMOTIONS = 24;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ times: { stalledMs: 500, closeMs: 60_000 } });
  await createPrompt(server, 'slow/one', { content: { template: `1${TEXT}` } });
  await editPrompt(server, 'slow/one', { content: { template: `2${TEXT}` } });
});
afterAll(() => server.close());

const follow = (rest: string) => openFollower(server, `prompts: ["slow/one"], ${rest}`);

interface Heard {
  readonly versions: number[];
  readonly cursor: string;
}

/** Promotes again and again; one who reads is told each at once, whoever else does not. @returns the versions, and where the last one ends. */
async function promoteBeside(reader: Follower): Promise<Heard> {
  let cursor = '';
  const versions = Array.from({ length: PROMOTIONS }, (_, index) => 1 + (index % 2));
  for (const version of versions) {
    await promote(server, 'slow/one', version);
    const event = await reader.nextEvent();
    expect(event.version?.number).toBe(version);
    ({ cursor } = event);
  }
  return { versions, cursor };
}

/** What a follower hears until its connection is closed. */
async function hearAll(follower: Follower): Promise<Heard> {
  const versions: number[] = [];
  let cursor = '';
  for (;;) {
    const event = await follower.next().catch(() => null);
    if (event === null) return { versions, cursor };
    ({ cursor } = event);
    if (event.version !== undefined) versions.push(event.version.number);
  }
}

describe('a consumer that stops to read', () => {
  it.each(['ALL', 'LATEST'])(
    'in mode %s is cut with 4290, nobody else is delayed, and it can resume',
    async (mode) => {
      const before = await metricOf(server, CUT);
      const reader = await follow('bookmarks: true');
      const slow = await follow(`bookmarks: true, mode: ${mode}`);
      expect(await reader.next()).toMatchObject({ __typename: 'Bookmark' });
      expect(await slow.next()).toMatchObject({ __typename: 'Bookmark' });
      slow.socket.pause();
      const { versions, cursor: end } = await promoteBeside(reader);
      await metricBecomes(server, CUT, before + 1);
      await metricBecomes(server, 'promptforge_subscriptions', 1);

      slow.socket.resume();
      const first = await hearAll(slow);
      expect(await slow.socket.closed).toEqual({
        code: 4290,
        reason: 'slow consumer: reconnect, resume from your last cursor',
      });
      expect(first.versions.length).toBeLessThan(versions.length);

      const again = await follow(`mode: ${mode}, after: "${first.cursor}"`);
      const heard = [...first.versions];
      for (let at = first.cursor; at !== end;) {
        const event = await again.nextEvent();
        heard.push(event.version?.number ?? 0);
        at = event.cursor;
      }
      // Mode LATEST may leave out what was promoted meanwhile, but not what is served now.
      expect(mode === 'ALL' ? heard : heard.slice(-1)).toEqual(
        mode === 'ALL' ? versions : versions.slice(-1),
      );
      await again.socket.expectNothing();
      again.socket.close();
      reader.socket.close();
      await metricBecomes(server, 'promptforge_subscriptions', 0);
    },
  );

  it('of an event stream is cut as well, and can resume by the id that it has seen last', async () => {
    const before = await metricOf(server, CUT);
    const path = `${server.url}/v1/channels/stable/events?prompts=slow/one&mode=all`;
    const reader = await follow('bookmarks: true');
    await reader.next();
    const slow = await openEventStream(path, { key: server.adminKey });
    const { id: begin = '' } = await slow.next();
    slow.pause();
    const { versions, cursor: end } = await promoteBeside(reader);
    await metricBecomes(server, CUT, before + 1);
    slow.resume();
    const first = await hearAllOf(slow, null);
    expect(first.versions.length).toBeLessThan(versions.length);
    const lastId = first.cursor === '' ? begin : first.cursor;
    const again = await openEventStream(path, { key: server.adminKey, headers: { 'last-event-id': lastId } });
    const second = await hearAllOf(again, end);
    expect([...first.versions, ...second.versions]).toEqual(versions);
  });

  /** What comes until the stream is over, or until this cursor. */
  async function hearAllOf(stream: TestEventStream, end: string | null): Promise<Heard> {
    const versions: number[] = [];
    let cursor = '';
    while (cursor !== end) {
      const event = await stream.next().catch(() => null);
      if (event === null) break;
      cursor = event.id ?? cursor;
      const { version } = JSON.parse(event.data ?? '') as { version?: number };
      if (version !== undefined) versions.push(version);
    }
    return { versions, cursor };
  }
});
