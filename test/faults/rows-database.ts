import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY, post, until } from './harness.ts';
import { latencyOf } from './latency.ts';
import { createNamespace } from './namespace.ts';
import { fakeTime, startPgbouncer } from './programs.ts';
import { followNode } from './rows-feed.ts';
import { promoteAndWait } from './rows-nodes.ts';
import { onStage, tooLong } from './stage.ts';
import type { Figures, Node, RowOptions, RowResult, Stage } from './stage.ts';

interface Reads {
  readonly ok: number;
  readonly failed: number;
  readonly p99Ms: number;
  readonly staleAfterMs: number;
}

/** Reads what a channel serves, steadily, until it is told to stop. */
async function readSteadily(node: Node, isOver: () => boolean, perSecond: number): Promise<Reads> {
  const took: number[] = [];
  const began = Date.now();
  let [ok, failed, staleAfterMs, sent] = [0, 0, -1, 0];
  const read = async () => {
    const at = performance.now();
    const answer = await fetch(`${node.url}/v1/prompts/a`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    }).catch(() => null);
    await answer?.arrayBuffer();
    took.push(performance.now() - at);
    if (answer?.status === 200) ok += 1;
    else failed += 1;
    if (staleAfterMs < 0 && answer?.headers.get('x-promptforge-stale') === 'true')
      staleAfterMs = Date.now() - began;
  };
  const underWay = new Set<Promise<void>>();
  while (!isOver()) {
    const due = ((Date.now() - began) / 1_000) * perSecond;
    for (; sent < due && underWay.size < 200; sent += 1) {
      const one: Promise<void> = read().finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await sleep(5);
  }
  await Promise.all(underWay);
  const sorted = took.toSorted((a, b) => a - b);
  return { ok, failed, p99Ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0), staleAfterMs };
}

/** Rows 20 and 21: the database is stopped for `faults` seconds under readers, writers and subscribers, and started again. */
export async function databaseStopped(options: RowOptions): Promise<RowResult> {
  return onStage('row20', options, async (stage) => {
    const node = await stage.startNode();
    return outage(stage, options, {
      node,
      take: () => stage.stopDatabase(),
      giveBack: () => stage.startDatabase(),
    });
  });
}

/** Row 22: the node is on a host whose way to the database is lost, by a blackhole and by a link that is down. */
export async function partition(options: RowOptions): Promise<RowResult> {
  return onStage('row22', options, async (stage) => {
    const namespace = createNamespace();
    stage.atEnd(() => namespace.remove());
    const proxy = await stage.databaseProxy(namespace.databaseHost);
    await stage.startNode();
    const node = await stage.startNode({
      databaseUrl: proxy.url,
      env: { HOST: namespace.serverHost },
      prefix: namespace.prefix,
    });
    const ways = [
      (isLost: boolean) => namespace.blackhole(isLost),
      (isLost: boolean) => namespace.link(!isLost),
    ];
    const results = [];
    for (const lose of ways)
      results.push(
        await outage(stage, options, {
          node,
          take: async () => lose(true),
          giveBack: async () => lose(false),
        }),
      );
    const [blackhole, link] = results;
    const figures = { ...prefixed('blackhole', blackhole), ...prefixed('link', link) };
    return { faults: 2, findings: results.flatMap((result) => result.findings), figures };
  });
}

const prefixed = (name: string, result?: { figures: Figures }) =>
  Object.fromEntries(Object.entries(result?.figures ?? {}).map(([key, value]) => [`${name} ${key}`, value]));

interface Outage {
  readonly node: Node;
  readonly take: () => Promise<void>;
  readonly giveBack: () => Promise<void>;
}

let outages = 0;

async function outage(stage: Stage, options: RowOptions, { node, take, giveBack }: Outage) {
  const clients = [followNode(stage, node.url, 'ws'), followNode(stage, node.url, 'sse')];
  outages += 1;
  await stage.promoters.attempt(node.url, { op: `outage-${outages}`, items: [{ slug: 'a', version: 1 }] });
  await fetch(`${node.url}/v1/prompts/a`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  await stage.settle();
  const connects = clients.map((client) => client.connects());
  let isOver = false;
  await take();
  const reading = readSteadily(node, () => isOver, 200);
  const refused = await refusals(stage, node, options.faults * 1_000);
  isOver = true;
  const reads = await reading;
  await giveBack();
  const back = Date.now();
  await stage.promoters.settle(node.url);
  await stage.promoters.attempt(node.url, stage.promoters.next());
  await stage.settle();
  const caughtUpMs = Date.now() - back;
  await until('the pools are idle', async () => (await busy(stage)) === 0, 15_000);
  const again = clients.reduce((sum, client, index) => sum + client.connects() - (connects[index] ?? 0), 0);
  const findings = [
    ...(reads.failed > 0 ? [`${reads.failed} reads failed`] : []),
    ...tooLong('a mutation is refused', refused, 3_000, options),
    ...tooLong(
      'caught up when the database is back',
      [caughtUpMs],
      options.lenient === true ? 20_000 : 5_000,
      options,
    ),
  ];
  const slowestRefusalMs = Math.max(...refused);
  return { faults: 1, findings, figures: { ...reads, slowestRefusalMs, caughtUpMs, reconnects: again } };
}

/** One mutation after the other while the database is away. @returns how long each refusal took. */
async function refusals(stage: Stage, node: Node, forMs: number): Promise<number[]> {
  const end = Date.now() + forMs;
  const took: number[] = [];
  while (Date.now() < end) {
    const began = Date.now();
    await stage.promoters.attempt(node.url, stage.promoters.next());
    took.push(Date.now() - began);
    await sleep(200);
  }
  return took;
}

async function busy(stage: Stage): Promise<number> {
  const [row] = await stage.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name ~ '^promptforge:(reader|writer|control)$' AND state <> 'idle'`,
  );
  return row?.n ?? 0;
}

/** Row 18: nothing but a pooler in transaction mode between node and database. */
export async function behindPooler(options: RowOptions): Promise<RowResult> {
  return onStage('row18', options, async (stage) => {
    const direct = await stage.startNode();
    // By TCP: the socket's directory is closed to the pooler's account.
    const way = await stage.databaseProxy();
    const { user, database } = stage.connection;
    const pooler = await startPgbouncer({ host: '127.0.0.1', port: way.port, user });
    stage.atEnd(() => pooler.stop());
    const databaseUrl = `postgresql://${user}@127.0.0.1:${pooler.port}/${database}`;
    const node = await stage.startNode({ databaseUrl });
    const clients = [followNode(stage, node.url, 'ws'), followNode(stage, node.url, 'sse')];
    await until('all hear', () => clients.every((client) => client.seq() > 0));
    // Half of them by the node behind the pooler, half by another one, which it cannot hear of but by polling.
    for (let fault = 0; fault < options.faults; fault += 1) {
      await promoteAndWait(stage, fault % 2 === 0 ? direct : node);
    }
    const warned = /pooler|PgBouncer|LISTEN/i.test(`${node.output()}${node.errors()}`);
    const latency = latencyOf(stage.history);
    const findings = [
      ...(warned ? [] : ['nothing in the log warns of the pooler']),
      ...(Number(latency['p99Ms']) > 1_500 ? [`p99 of delivery is ${latency['p99Ms']} ms`] : []),
    ];
    return { faults: options.faults, findings, figures: { warned, ...latency } };
  });
}

/** Row 19: the database comes back as a read-only standby, and is promoted later. */
export async function standby(options: RowOptions): Promise<RowResult> {
  return onStage('row19', options, async (stage) => {
    const node = await stage.startNode();
    followNode(stage, node.url, 'ws');
    await stage.promoters.attempt(node.url, { op: 'row19-first', items: [{ slug: 'a', version: 1 }] });
    await stage.settle();
    const signal = join(stage.clusterDirectory, 'standby.signal');
    await stage.stopDatabase();
    await writeFile(signal, '');
    await stage.startDatabase();
    const before = linesOf(node).length;
    const began = Date.now();
    const slowestRefusalMs = Math.max(...(await refusals(stage, node, options.faults * 1_000)));
    const seconds = (Date.now() - began) / 1_000;
    // A mutation that is refused has its line; the promise is about what a node says by itself.
    const said = linesOf(node).slice(before);
    const own = said.filter((line) => !line.includes('a change was refused')).length;
    const linesPerSecond = Math.round((own / seconds) * 10) / 10;
    await stage.query('SELECT pg_promote()');
    await rm(signal, { force: true });
    const back = Date.now();
    await stage.promoters.settle(node.url);
    const recoveredMs = Date.now() - back;
    const findings = [
      ...(linesPerSecond > 1 ? [`${linesPerSecond} log lines a second`] : []),
      ...(recoveredMs > 35_000 ? [`writes work ${recoveredMs} ms after the promotion`] : []),
    ];
    return {
      faults: 1,
      findings,
      figures: {
        slowestRefusalMs,
        linesPerSecond,
        lines: said.length,
        recoveredMs,
        loudest: loudestOf(said),
      },
    };
  });
}

const linesOf = (node: Node) => `${node.output()}${node.errors()}`.split('\n');

/** What is said most often, and how often. */
function loudestOf(logged: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const line of logged) {
    const said = /"msg":"([^"]*)"/.exec(line)?.[1] ?? line.slice(0, 80);
    counts.set(said, (counts.get(said) ?? 0) + 1);
  }
  const [loudest] = [...counts].toSorted(([, a], [, b]) => b - a);
  return loudest === undefined ? '' : `${loudest[1]} x ${loudest[0]}`;
}

/** Row 29: nodes whose clocks are an hour ahead and behind of the database's; clients go to and fro between them. */
export async function skewedClocks(options: RowOptions): Promise<RowResult> {
  return onStage('row29', options, async (stage) => {
    const ahead = await stage.startNode({ env: fakeTime('+1h') });
    const behind = await stage.startNode({ env: fakeTime('-1h') });
    const nodes = [ahead, behind];
    const skews = await Promise.all(nodes.map(skewOf));
    const clients = Array.from({ length: 8 }, (_, index) => {
      let turn = index;
      const url = () => {
        turn += 1;
        return nodes[turn % 2]?.url ?? '';
      };
      return stage.follow({ url, transport: index % 3 === 0 ? 'sse' : 'ws' });
    });
    await until('all hear', () => clients.every((client) => client.seq() > 0));
    for (let fault = 0; fault < options.faults; fault += 1) {
      for (const { url } of nodes) await stage.promoters.attempt(url, stage.promoters.next());
      clients[stage.random(clients.length)]?.cut();
    }
    for (const { url } of nodes) await stage.promoters.settle(url);
    const isFaked = skews.every((skew, index) => Math.abs(skew - (index === 0 ? 3_600 : -3_600)) < 60);
    const findings = isFaked ? [] : [`the clocks are not what they should be: ${skews.join(', ')} s`];
    return { faults: options.faults, findings, figures: { ...latencyOf(stage.history) } };
  });
}

/** By how many seconds a node's clock is ahead, from the Date header of its answers. */
async function skewOf({ url }: Node): Promise<number> {
  await post(url, '{ __typename }');
  const response = await fetch(`${url}/livez`);
  return Math.round((Date.parse(response.headers.get('date') ?? '') - Date.now()) / 1_000);
}
