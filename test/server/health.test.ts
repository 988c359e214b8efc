import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FeedStatus } from '../../src/realtime/feed-types.ts';
import { sendReadiness } from '../../src/server/health.ts';

const HEALTHY = { started: true, reachable: true, listening: true, stuck: false, behind: false };

async function readiness(feed: Partial<FeedStatus>, draining = false) {
  const server = createServer((_req, res) =>
    sendReadiness(res, { draining, feed: { ...HEALTHY, ...feed } }),
  ).listen(0, '127.0.0.1');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const body = (await response.json()) as { ready: boolean; degraded: boolean; reasons: string[] };
  return [response.status, body.ready, body.degraded, body.reasons.length];
}

describe('readiness', () => {
  it.each([
    ['nothing is wrong', {}, [200, true, false, 0]],
    ['the database is away, for every node alike', { reachable: false }, [200, true, true, 1]],
    ['this node polls', { listening: false }, [200, true, true, 1]],
    ['this node is behind the event log', { behind: true }, [503, false, false, 1]],
    ['this node does not follow the event log', { stuck: true }, [503, false, false, 1]],
    ['this node starts', { started: false }, [503, false, false, 1]],
  ] as const)('when %s', async (_what, feed, expected) => {
    expect(await readiness(feed)).toEqual(expected);
  });

  it('when this node stops', async () => {
    expect(await readiness({}, true)).toEqual([503, false, false, 1]);
  });
});
