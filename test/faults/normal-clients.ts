import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY } from './harness.ts';
import { latencyOf, nowIn } from './latency.ts';
import type { Figures, Node, RowOptions, Stage } from './stage.ts';

const GIVE_UP_MS = 10_000;
const ASK_EVERY_MS = 20;
const PROMOTE_EVERY_MS = 500;
/** What is promised: docs/reliability.md. */
const FAILED_MAX = 0.001;
const SLOWER_MAX = 2;
/** Less is what this machine does to anybody. */
const NOISE_MS = 5;

const QUERY = '{ channel(name: "stable") { name } }';
const HEADERS = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };

type Kind = 'rest' | 'graphql' | 'push';

/** What those who do nothing wrong saw. */
export interface Normal {
  readonly asked: number;
  readonly failed: number;
  readonly reasons: readonly string[];
  readonly p99Ms: Readonly<Record<Kind, number>>;
}

/**
 * Clients that ask by REST over a connection that is kept, and by GraphQL over a new one each time, 50 a second together, beside promotions whose
 * frames the stage's subscribers hear; for as long as something else goes on.
 */
export async function askWhile<T>(
  stage: Stage,
  node: Node,
  run: () => Promise<T>,
): Promise<{ readonly result: T; readonly normal: Normal }> {
  const since = nowIn(stage.history);
  const times: Record<'rest' | 'graphql', number[]> = { rest: [], graphql: [] };
  const reasons: string[] = [];
  const kept = new Agent({ keepAlive: true });
  const over = new AbortController();
  const { signal } = over;
  const ask = async (kind: 'rest' | 'graphql') => {
    const began = performance.now();
    const failure = kind === 'rest' ? await askOnce(node.url, kept) : await askOnce(node.url);
    if (failure === null) times[kind].push(performance.now() - began);
    else reasons.push(`${kind}: ${failure}`);
  };
  const asking: Promise<void>[] = [];
  const requests = async () => {
    for (let count = 0; !signal.aborted; count += 1) {
      asking.push(ask(count % 2 === 0 ? 'rest' : 'graphql'));
      await sleep(ASK_EVERY_MS);
    }
  };
  const promotions = async () => {
    while (!signal.aborted) {
      await stage.promoters.attempt(node.url, stage.promoters.next());
      await sleep(PROMOTE_EVERY_MS);
    }
  };
  const clients = [requests(), promotions()];
  const result = await run().finally(() => over.abort());
  await Promise.all(clients);
  await Promise.all(asking);
  await stage.settle();
  kept.destroy();
  const asked = times.rest.length + times.graphql.length + reasons.length;
  const push = Number(latencyOf(stage.history, since)['p99Ms']);
  const p99Ms = { rest: p99(times.rest), graphql: p99(times.graphql), push };
  return {
    result,
    normal: { asked, failed: reasons.length, reasons: [...new Set(reasons)].slice(0, 3), p99Ms },
  };
}

/** One request: by REST over the agent's connections, or by GraphQL over one of its own. @returns why it failed, or null. */
function askOnce(url: string, agent?: Agent): Promise<string | null> {
  const [method, path] =
    agent === undefined ? ['POST', '/graphql'] : ['GET', '/v1/prompts/a?_version=latest'];
  return new Promise((resolve) => {
    const req = request(`${url}${path}`, { method, headers: HEADERS, agent: agent ?? false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => {
        const isAnswer = agent !== undefined || Buffer.concat(chunks).includes('"stable"');
        resolve(res.statusCode === 200 && isAnswer ? null : String(res.statusCode));
      });
      res.on('error', (error) => resolve(error.message));
    });
    req.on('error', (error) => resolve(error.message));
    const timer = setTimeout(() => req.destroy(new Error('no answer in time')), GIVE_UP_MS);
    req.on('close', () => clearTimeout(timer));
    req.end(agent === undefined ? JSON.stringify({ query: QUERY }) : '');
  });
}

function p99(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor((sorted.length - 1) * 0.99)] ?? 0) * 10) / 10;
}

/** What the attack did to them. On a machine that has other work to do times tell nothing, and every request is answered none the less. */
export function harmOf(before: Normal, beside: Normal, { lenient = false }: RowOptions): string[] {
  const findings: string[] = [];
  if (beside.failed > (lenient ? 0 : beside.asked * FAILED_MAX))
    findings.push(`${beside.failed} of ${beside.asked} normal requests failed: ${beside.reasons.join(', ')}`);
  if (lenient) return findings;
  for (const kind of ['rest', 'graphql', 'push'] as const)
    if (beside.p99Ms[kind] > Math.max(before.p99Ms[kind], NOISE_MS) * SLOWER_MAX)
      findings.push(`${kind}: p99 was ${before.p99Ms[kind]} ms, and ${beside.p99Ms[kind]} ms beside`);
  return findings;
}

/** As figures of a row, named after when they were taken. */
export function figuresOf(when: string, { asked, failed, p99Ms }: Normal): Figures {
  return {
    [`${when}Asked`]: asked,
    [`${when}Failed`]: failed,
    [`${when}P99Ms`]: `${p99Ms.rest} rest, ${p99Ms.graphql} graphql, ${p99Ms.push} push`,
  };
}
