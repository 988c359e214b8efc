import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort, until } from './harness.ts';
import { startHaproxy } from './programs.ts';
import { followNode } from './rows-feed.ts';
import { onStage, tooLong } from './stage.ts';
import type { Node, RowOptions, RowResult, Stage } from './stage.ts';
import type { Subscriber } from './subscriber.ts';

/** Row 16: the node is killed under all its clients and started again at once; `faults` clients. */
export async function herd(options: RowOptions): Promise<RowResult> {
  return onStage('row16', options, async (stage) => {
    const port = await freePort();
    const node = await stage.startNode({ port });
    const clients = Array.from({ length: options.faults }, (_, index) =>
      stage.follow({
        url: () => node.url,
        transport: index % 5 === 0 ? 'sse' : 'ws',
        retryMs: 1_000,
      }),
    );
    await until('all hear', () => clients.every((client) => client.isHearing()), 120_000);
    await stage.promoters.attempt(node.url, stage.promoters.next());
    await stage.settle(60_000);
    await node.end('SIGKILL');
    const before = await transactions(stage);
    const again = await stage.startNode({ port });
    const ready = Date.now();
    const most = Math.ceil(clients.length * 0.99);
    const back = () => clients.filter((client) => client.isHearing()).length;
    await until('almost all are back', () => back() >= most, 90_000);
    const mostMs = Date.now() - ready;
    await until('all are back', () => back() === clients.length, 90_000);
    const allMs = Date.now() - ready;
    const statements = (await transactions(stage)) - before;
    const [pool] = await stage.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'promptforge:%'`,
    );
    await stage.promoters.attempt(again.url, stage.promoters.next());
    await stage.settle(60_000);
    return {
      faults: 1,
      figures: { clients: clients.length, mostMs, allMs, statements, connections: pool?.n ?? 0 },
    };
  });
}

async function transactions(stage: Stage): Promise<number> {
  const [row] = await stage.query<{ n: number }>(
    'SELECT (xact_commit + xact_rollback)::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return row?.n ?? 0;
}

/** Row 17: the listening connection is ended by the database, or hangs half open; promotions come from another node. */
export async function listenerLost(options: RowOptions): Promise<RowResult> {
  return onStage('row17', options, async (stage) => {
    const proxy = await stage.databaseProxy();
    const a = await stage.startNode();
    const b = await stage.startNode({ databaseUrl: proxy.url });
    const clients = [followNode(stage, b.url, 'ws'), followNode(stage, b.url, 'sse')];
    await until('all hear', () => clients.every((client) => client.seq() > 0));
    const terminated: number[] = [];
    const halfOpen: number[] = [];
    for (let fault = 0; fault < options.faults; fault += 1) {
      await stage.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'promptforge:feed'`,
      );
      terminated.push(await promoteAndWait(stage, a));
      await until('it listens again', async () => isListening(b), 10_000);
      proxy.stall((name) => name === 'promptforge:feed');
      halfOpen.push(await promoteAndWait(stage, a));
      proxy.flow();
    }
    const findings = [
      ...tooLong('terminated', terminated, 2_000, options),
      ...tooLong('half open', halfOpen, 16_000, options),
    ];
    const figures = { terminatedMs: Math.max(...terminated), halfOpenMs: Math.max(...halfOpen) };
    return { faults: options.faults * 2, figures, findings };
  });
}

export async function promoteAndWait(stage: Stage, node: Node): Promise<number> {
  await stage.promoters.attempt(node.url, stage.promoters.next());
  const began = Date.now();
  await stage.settle(30_000);
  return Date.now() - began;
}

async function isListening(node: Node): Promise<boolean> {
  const response = await fetch(`${node.url}/readyz`);
  return response.status === 200 && !(await response.text()).includes('no listening connection');
}

/** Row 23: a node is frozen for a while; its clients notice by the silence, go elsewhere, and it does no harm when it wakes up. */
export async function frozenNode(options: RowOptions): Promise<RowResult> {
  const isLong = options.faults > 3;
  const [silenceMs, frozenMs] = isLong ? [45_000, 60_000] : [3_000, 7_000];
  return onStage('row23', options, async (stage) => {
    const nodes = [await stage.startNode(), await stage.startNode()] as const;
    let isHalted = false;
    const clients = Array.from({ length: 10 }, (_, index) => {
      let turn = 0;
      const url = () => {
        turn += 1;
        return nodes[(index + turn) % 2]?.url ?? '';
      };
      return stage.follow({ url, transport: index % 2 === 0 ? 'ws' : 'sse', silenceMs });
    });
    const running = stage.promoters.run({
      url: nodes[1].url,
      clients: 1,
      persistent: true,
      stop: () => isHalted,
    });
    let slowest = 0;
    for (let fault = 0; fault < Math.min(options.faults, 4); fault += 1) {
      await until('all hear', () => clients.every((client) => client.isHearing()));
      const there = clients.filter((client) => client.node() === nodes[0].url);
      process.kill(nodes[0].pid, 'SIGSTOP');
      const began = Date.now();
      const moved = () => there.every((client) => client.node() === nodes[1].url && client.isHearing());
      await until('all have gone elsewhere', moved, silenceMs * 3 + 30_000);
      slowest = Math.max(slowest, Date.now() - began);
      await sleep(Math.max(0, frozenMs - (Date.now() - began)));
      process.kill(nodes[0].pid, 'SIGCONT');
      for (const client of there.slice(0, 3)) client.cut();
    }
    isHalted = true;
    await running;
    await stage.promoters.settle(nodes[1].url);
    return { faults: options.faults, figures: { silenceMs, slowestMs: slowest } };
  });
}

/** Row 24: a node's tail is dead, its sockets are alive, and the database answers everybody else. */
export async function deadTail(options: RowOptions): Promise<RowResult> {
  return onStage('row24', options, async (stage) => {
    const proxy = await stage.databaseProxy();
    const a = await stage.startNode();
    const b = await stage.startNode({ databaseUrl: proxy.url });
    const lags: number[] = [];
    const client = stage.follow({
      url: () => b.url,
      transport: 'ws',
      onFrame: (frame) => {
        if (frame.kind === 'bookmark') lags.push(frame.lagMs);
      },
    });
    await until('it hears', () => client.seq() > 0);
    // The commit is made while the node hears nothing; then it learns of it, and cannot read it.
    proxy.stall((name) => /^promptforge:(control|feed)$/.test(name));
    await stage.promoters.attempt(a.url, stage.promoters.next());
    const unlock = await lockEvents(stage);
    proxy.flow();
    const began = Date.now();
    const said = new Set<string>();
    const ready = async () => {
      const answer = await fetch(`${b.url}/readyz`);
      said.add(`${answer.status} ${await answer.text()}`);
      return answer.status;
    };
    const unreadyMs = await within(20_000, began, async () => (await ready()) === 503);
    const flaggedMs = await within(35_000, began, async () => lags.some((lag) => lag > 0));
    await unlock();
    const findings = [
      ...(unreadyMs === null || unreadyMs > 15_000
        ? [`/readyz did not say 503 within 15 s (${unreadyMs})`]
        : []),
      ...(flaggedMs === null || flaggedMs > 30_000
        ? [`no bookmark told of the lag within 30 s (${flaggedMs})`]
        : []),
    ];
    return {
      faults: 1,
      findings,
      figures: { unreadyMs: unreadyMs ?? -1, flaggedMs: flaggedMs ?? -1, said: [...said].join(' ') },
    };
  });
}

/** The log cannot be read, its heads can. */
async function lockEvents({ connection }: Stage): Promise<() => Promise<void>> {
  const client = new pg.Client({ ...connection });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE event IN ACCESS EXCLUSIVE MODE');
  return () => client.end();
}

async function within(limitMs: number, began: number, holds: () => Promise<boolean>): Promise<number | null> {
  while (Date.now() - began < limitMs) {
    if (await holds()) return Date.now() - began;
    await sleep(100);
  }
  return null;
}

/** Rows 41 and 42: behind a balancer nodes are drained and started again, one after the other, under load. */
export async function rollingRestart(options: RowOptions): Promise<RowResult> {
  return onStage('row41', options, async (stage) => {
    const ports = [await freePort(), await freePort()];
    const nodes: Node[] = [];
    for (const port of ports) nodes.push(await stage.startNode({ port }));
    const balancer = await startHaproxy(ports);
    stage.atEnd(() => balancer.stop());
    const url = `http://127.0.0.1:${balancer.port}`;
    await until('the balancer knows its nodes', async () => (await fetch(`${url}/livez`)).status === 200);
    const clients = Array.from({ length: 30 * options.faults }, (_, index) =>
      stage.follow({ url: () => url, transport: index % 4 === 0 ? 'sse' : 'ws', retryMs: 500 }),
    );
    await until('all hear', () => clients.every((client) => client.isHearing()));
    let isHalted = false;
    const load = { url, clients: 2, persistent: true, stop: () => isHalted };
    const running = [stage.promoters.run(load), stage.batches.run({ ...load, clients: 1 })];
    const exits: { code: number | null; tookMs: number }[] = [];
    for (let fault = 0; fault < options.faults; fault += 1) {
      const index = fault % 2;
      const began = Date.now();
      const code = await nodes[index]?.end('SIGTERM');
      exits.push({ code: code ?? null, tookMs: Date.now() - began });
      nodes[index] = await stage.startNode({ port: ports[index] ?? 0 });
      await until('all hear', () => clients.every((client) => client.isHearing()));
    }
    isHalted = true;
    await Promise.all(running);
    // A starved writer refuses in words, and nothing happened: on a busy machine that is the machine's doing.
    const failed = stage.history.lines.filter(
      (line) =>
        (line.what === 'unknown' || line.what === 'fail') &&
        !(options.lenient === true && line.why === 'UNAVAILABLE'),
    );
    for (const promoters of [stage.promoters, stage.batches]) await promoters.settle(url);
    const slowestExitMs = Math.max(...exits.map(({ tookMs }) => tookMs));
    const findings = [
      ...failed.map((line) => `a mutation failed: ${JSON.stringify(line)}`),
      ...exits.flatMap(({ code }) => (code === 0 ? [] : [`a node ended with ${code}`])),
      ...(slowestExitMs > 25_000 ? [`a node took ${slowestExitMs} ms to end`] : []),
    ];
    const ends = endsOf(clients);
    return { faults: options.faults, findings, figures: { clients: clients.length, slowestExitMs, ends } };
  });
}

function endsOf(clients: readonly Subscriber[]): string {
  const counts = new Map<string, number>();
  for (const why of clients.flatMap(({ ends }) => ends)) counts.set(why, (counts.get(why) ?? 0) + 1);
  return [...counts].map(([why, count]) => `${count} x ${why}`).join('; ');
}
