import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY, post, until } from './harness.ts';
import { latencyOf, nowIn } from './latency.ts';
import { openSocketSession } from './socket-session.ts';
import { onStage } from './stage.ts';
import type { Node, RowOptions, RowResult, Stage } from './stage.ts';
import { openStreamSession } from './stream-session.ts';

const ALL = { channel: 'stable', prompts: null, mode: 'ALL' } as const;
const LATEST = { ...ALL, mode: 'LATEST' } as const;
const MEGABYTE = 1024 * 1024;

/** Texts as large as this, so that what a stalled client does not take is more than its socket's buffers hold. */
async function growPrompts(url: string, bytes: number): Promise<void> {
  for (const slug of ['a', 'b', 'c', 'd', 'e'])
    for (let version = 1; version <= 3; version += 1)
      await post(
        url,
        'mutation ($slug: String!, $template: String!) { editPrompt(input: { slug: $slug, content: { template: $template } }) { ... on PromptVersion { id } ... on Error { message } } }',
        { slug, template: `${version} ${'x'.repeat(bytes)}` },
      );
}

async function residentMegabytes({ pid }: Node): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

async function gauge(node: Node, name: string): Promise<number> {
  const response = await fetch(`${node.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Row 25: clients that stop reading beside clients that read, under large promotions; `faults` of them stop. */
export async function slowConsumers(options: RowOptions): Promise<RowResult> {
  return onStage('row25', options, async (stage) => {
    const node = await stage.startNode();
    await growPrompts(node.url, 256 * 1024);
    const large = [4, 5, 6];
    const normal = Array.from({ length: options.faults * 2 }, (_, index) =>
      stage.follow({ url: () => node.url, transport: index % 2 === 0 ? 'ws' : 'sse', wide: true }),
    );
    await until('all hear', () => normal.every((client) => client.seq() > 0));
    const load = (seconds: number) => promoteLarge(stage, node, { seconds, large });
    await load(4);
    const baseline = latencyOf(stage.history);
    const rssBefore = await residentMegabytes(node);
    const stalled = Array.from({ length: options.faults }, (_, index) =>
      stage.follow({
        url: () => node.url,
        transport: index % 2 === 0 ? 'ws' : 'sse',
        follows: index % 4 < 2 ? ALL : LATEST,
        wide: true,
        silenceMs: 600_000,
      }),
    );
    await until('all hear', () => stalled.every((client) => client.seq() > 0));
    for (const client of stalled) client.pause();
    const since = nowIn(stage.history);
    const began = Date.now();
    let rssMost = 0;
    let cutMs = -1;
    while (Date.now() - began < 75_000) {
      await load(2);
      rssMost = Math.max(rssMost, await residentMegabytes(node));
      // A paused socket does not read its own end either: the node's count tells.
      if ((await gauge(node, 'promptforge_stream_cut_total')) >= stalled.length) {
        cutMs = Date.now() - began;
        break;
      }
    }
    const beside = latencyOf(stage.history, since);
    for (const client of stalled) {
      client.resume();
      client.cut();
    }
    await stage.settle(90_000);
    const grown = rssMost - rssBefore;
    const findings = [
      ...(cutMs < 0 || cutMs > 60_000 ? [`the stalled were cut after ${cutMs} ms`] : []),
      ...(grown > 200 ? [`resident memory grew by ${grown} MB`] : []),
    ];
    return {
      faults: options.faults,
      findings,
      figures: {
        normal: normal.length,
        cutMs,
        rssBeforeMB: rssBefore,
        rssMostMB: rssMost,
        perStalledMB: Math.round((grown / stalled.length) * 10) / 10,
        p99BaselineMs: baseline['p99Ms'] ?? -1,
        p99BesideMs: beside['p99Ms'] ?? -1,
      },
    };
  });
}

async function promoteLarge(
  stage: Stage,
  node: Node,
  { seconds, large }: { readonly seconds: number; readonly large: readonly number[] },
): Promise<void> {
  const end = Date.now() + seconds * 1_000;
  while (Date.now() < end) {
    const { op, items } = stage.promoters.next();
    const version = large[stage.random(large.length)] ?? 1;
    await stage.promoters.attempt(node.url, { op, items: items.map(({ slug }) => ({ slug, version })) });
    await sleep(20);
  }
}

/** Row 26: thousands of events while a subscriber does not read: the node lives, and the subscriber has them all when it reads again. */
export async function overflow(options: RowOptions): Promise<RowResult> {
  return onStage('row26', options, async (stage) => {
    const node = await stage.startNode();
    await growPrompts(node.url, 32 * 1024);
    const sql = await stage.sql();
    const clients = [ALL, LATEST].flatMap((follows) =>
      (['ws', 'sse'] as const).map((transport) =>
        stage.follow({ url: () => node.url, transport, follows, wide: true, silenceMs: 600_000 }),
      ),
    );
    await until('all hear', () => clients.every((client) => client.seq() > 0));
    const witness = stage.follow({ url: () => node.url, transport: 'ws' });
    await until('one that reads hears', () => witness.seq() > 0);
    for (const client of clients) client.pause();
    const rssBefore = await residentMegabytes(node);
    await sql.many(options.faults, { first: 4 });
    await until('one that reads has heard it all', () => witness.frames() >= options.faults, 200_000);
    const rssAfter = await residentMegabytes(node);
    for (const client of clients) client.resume();
    await stage.settle(200_000);
    const heard = clients.map((client) => client.frames()).join(' ');
    return { faults: options.faults, figures: { rssBeforeMB: rssBefore, rssAfterMB: rssAfter, heard } };
  });
}

/** Row 27: connections that are begun, used and dropped at every possible moment; nothing of them stays. */
export async function cycles(options: RowOptions): Promise<RowResult> {
  return onStage('row27', options, async (stage) => {
    const node = await stage.startNode();
    const witness = stage.follow({ url: () => node.url, transport: 'ws' });
    await until('it hears', () => witness.seq() > 0);
    const round = (count: number) => cycle(stage, node, count);
    // Once before measuring: what is compiled, cached and pooled is no leak.
    await round(Math.min(300, options.faults));
    const before = await footprint(node);
    let left = options.faults;
    const running = stage.promoters.run({
      url: node.url,
      clients: 1,
      persistent: true,
      stop: () => left <= 0,
    });
    for (; left > 0; left -= 200) await round(Math.min(200, left));
    await running;
    await stage.promoters.settle(node.url);
    await until(
      'no subscription but the witness is left',
      async () => (await gauge(node, 'promptforge_subscriptions ')) === 1,
      30_000,
    );
    await until(
      'no connection but its own is left',
      async () => (await gauge(node, 'promptforge_stream_connections')) === 1,
      30_000,
    );
    await until(
      'the descriptors are back',
      async () => (await descriptors(node)) <= before.descriptors + 12,
      30_000,
    );
    const after = await footprint(node);
    return {
      faults: options.faults,
      figures: {
        heapBeforeMB: before.heapMB,
        heapAfterMB: after.heapMB,
        descriptorsBefore: before.descriptors,
        descriptorsAfter: after.descriptors,
      },
    };
  });
}

async function cycle(stage: Stage, node: Node, count: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await dropOne(node, { transport: stage.random(2) === 0 ? 'ws' : 'sse', afterMs: stage.random(30) });
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

async function dropOne(
  node: Node,
  { transport, afterMs }: { readonly transport: 'ws' | 'sse'; readonly afterMs: number },
): Promise<void> {
  await new Promise<void>((resolve) => {
    const open = transport === 'ws' ? openSocketSession : openStreamSession;
    const session = open({
      url: node.url,
      key: ADMIN_KEY,
      follows: ALL,
      after: null,
      bookmarks: true,
      onAlive: () => undefined,
      onFrame: () => undefined,
      onEnd: () => resolve(),
    });
    setTimeout(() => session.cut(), afterMs);
  });
}

async function descriptors({ pid }: Node): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** The heap as small as it is seen in a while: nobody can ask for a collection from outside. */
async function footprint(node: Node): Promise<{ heapMB: number; descriptors: number }> {
  const seen: number[] = [];
  for (let look = 0; look < 20; look += 1) {
    seen.push((await gauge(node, 'nodejs_heap_size_used_bytes')) / MEGABYTE);
    await sleep(150);
  }
  return { heapMB: Math.round(Math.min(...seen)), descriptors: await descriptors(node) };
}
