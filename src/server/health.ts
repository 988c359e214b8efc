import type { ServerResponse } from 'node:http';
import type { FeedStatus } from '../realtime/feed.ts';

interface Readiness {
  readonly draining: boolean;
  readonly feed: FeedStatus;
}

/** 503 only when this node is worse than its peers could be. With the database away reads go on from memory: 200, degraded. */
export function sendReadiness(res: ServerResponse, { draining, feed }: Readiness): void {
  const reasons = [
    ...(draining ? ['draining'] : []),
    ...(feed.started ? [] : ['starting']),
    ...(feed.reachable ? [] : ['the database does not answer: reads go on from memory, writes fail']),
    ...(feed.stuck ? ['this node does not follow the event log: see its log'] : []),
    ...(feed.behind ? ['the database answers, but this node is behind the event log'] : []),
    ...(feed.reachable && !feed.listening ? ['no listening connection: promotions are seen by polling'] : []),
  ];
  const ready = !draining && feed.started && !feed.stuck && !feed.behind;
  sendJson(res, ready ? 200 : 503, { ready, degraded: ready && reasons.length > 0, reasons });
}

export function sendLiveness(res: ServerResponse): void {
  sendJson(res, 200, { alive: true });
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  res.end(text);
}
