import { setTimeout as sleep } from 'node:timers/promises';
import type { Item } from './history.ts';
import { latencyOf } from './latency.ts';
import { onStage } from './stage.ts';
import type { RowOptions, RowResult, Stage } from './stage.ts';
import type { Subscriber } from './subscriber.ts';

const SLUGS = ['a', 'b', 'c', 'd', 'e'];
const WRITERS = 32;

const itemOf = (random: Stage['random'], slug = SLUGS[random(5)] ?? 'a'): Item => ({
  slug,
  version: 1 + random(3),
});

/** Row 5: many writers, a fifth of their transactions rolled back; every reader hears the rest in the order of the commits. */
export async function manyWriters(options: RowOptions): Promise<RowResult> {
  return onStage('row5', options, async (stage) => {
    const { random } = stage;
    const nodes = [await stage.startNode(), await stage.startNode()];
    const sql = await stage.sql();
    for (const [index, transport] of (['ws', 'ws', 'sse', 'sse'] as const).entries())
      followNode(stage, nodes[index % 2]?.url ?? '', transport);
    let left = options.faults;
    const writer = async () => {
      while (left > 0) {
        left -= 1;
        const op = `row5-sql-${options.seed}-${left}`;
        await sql.promote({ op, items: [itemOf(random)], rollBack: random(5) === 0 });
      }
    };
    const isOver = () => left <= 0;
    const viaApi = stage.promoters.run({
      url: nodes[0]?.url ?? '',
      clients: 4,
      persistent: true,
      stop: isOver,
    });
    await Promise.all([...Array.from({ length: WRITERS }, writer), viaApi]);
    await stage.promoters.settle(nodes[0]?.url ?? '');
    const rolledBack = stage.history.lines.filter(({ what }) => what === 'fail').length;
    return { faults: options.faults, figures: { rolledBack, ...latencyOf(stage.history) } };
  });
}

/** Row 6: a transaction sleeps with its rows locked, or with its number taken, while others commit around it. */
export async function slowCommitters(options: RowOptions): Promise<RowResult> {
  return onStage('row6', options, async (stage) => {
    const { random } = stage;
    const node = await stage.startNode();
    const sql = await stage.sql();
    for (const transport of ['ws', 'sse'] as const) followNode(stage, node.url, transport);
    for (let round = 0; round < options.faults; round += 1) {
      const op = (name: string) => `row6-${options.seed}-${round}-${name}`;
      // One round in fifty as slow as a disk that hangs; the server gives up on none of them.
      const slowMs = round % 50 === 0 ? 3_000 : 5 + random(60);
      const isNumbered = random(2) === 0;
      const slow = sql.promote({
        op: op('slow'),
        items: [itemOf(random, 'a')],
        ...(isNumbered ? { afterMs: slowMs } : { beforeMs: slowMs }),
        rollBack: random(5) === 0,
      });
      const quick = SLUGS.slice(1).map(async (slug) => {
        await sleep(random(40));
        return sql.promote({ op: op(slug), items: [itemOf(random, slug)], beforeMs: random(10) });
      });
      await Promise.all([slow, ...quick]);
    }
    return { faults: options.faults, figures: { ...latencyOf(stage.history) } };
  });
}

/** Row 7: clients are cut at random, every second to every five; whoever asked for ALL misses nothing. */
export async function randomDisconnects(options: RowOptions): Promise<RowResult> {
  return onStage('row7', options, async (stage) => {
    const { random } = stage;
    const nodes = [await stage.startNode(), await stage.startNode()];
    const pick = () => nodes[random(2)]?.url ?? '';
    const clients = Array.from({ length: Math.min(500, Math.max(20, options.faults / 4)) }, (_, index) =>
      stage.follow({
        url: pick,
        transport: index % 4 === 0 ? 'sse' : 'ws',
        follows: {
          channel: 'stable',
          prompts: index % 3 === 0 ? [SLUGS[random(5)] ?? 'a', 'd'] : null,
          mode: index % 4 === 0 ? 'LATEST' : 'ALL',
        },
      }),
    );
    let cuts = 0;
    const run = stage.promoters.run({
      url: pick(),
      clients: 3,
      persistent: true,
      stop: () => cuts >= options.faults,
    });
    const cutting = async (client: Subscriber) => {
      while (cuts < options.faults) {
        await sleep(1_000 + random(4_000));
        client.cut();
        cuts += 1;
      }
    };
    await Promise.all([run, ...clients.map(cutting)]);
    await stage.promoters.settle(pick());
    return { faults: cuts, figures: { clients: clients.length, ...latencyOf(stage.history) } };
  });
}

/** Row 11: several prompts in one commit; clients that are cut in the middle of them never see a part. */
export async function batches(options: RowOptions): Promise<RowResult> {
  return onStage('row11', options, async (stage) => {
    const { random } = stage;
    const node = await stage.startNode();
    const modes = ['ALL', 'LATEST'] as const;
    const clients = Array.from({ length: 12 }, (_, index) =>
      followNode(stage, node.url, index % 3 === 0 ? 'sse' : 'ws', modes[index % 2]),
    );
    await stage.batches.run({
      url: node.url,
      clients: 2,
      persistent: true,
      stop: () => stage.batches.acknowledged() >= options.faults,
      onAcknowledged: () => clients[random(clients.length)]?.cut(),
    });
    await stage.batches.settle(node.url);
    return { faults: options.faults, figures: { batches: stage.batches.acknowledged() } };
  });
}

export function followNode(
  stage: Stage,
  url: string,
  transport: 'ws' | 'sse',
  mode: 'ALL' | 'LATEST' = 'ALL',
): Subscriber {
  const follows = { channel: 'stable', prompts: null, mode } as const;
  return stage.follow({ url: () => url, transport, follows });
}
