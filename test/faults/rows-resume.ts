import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFeedCursor } from '../../src/domain/cursor.ts';
import { until } from './harness.ts';
import { ask } from './one-answer.ts';
import { followNode } from './rows-feed.ts';
import { onStage } from './stage.ts';
import type { SqlPromoters } from './sql-promoters.ts';
import type { Node, RowOptions, RowResult, Stage } from './stage.ts';

/** What keeps a node up to date, as PostgreSQL knows it: frozen, while its readers and writers go on. */
const TAIL = /^promptforge:(control|feed)$/;
const WINDOW = 10_000;

/** Row 8: a client moves from node A to node B, whose tail is frozen; it never goes back in time. */
export async function laggingNode(options: RowOptions): Promise<RowResult> {
  return onStage('row8', options, async (stage) => {
    const { random } = stage;
    const proxy = await stage.databaseProxy();
    const a = await stage.startNode();
    const b = await stage.startNode({ databaseUrl: proxy.url });
    const home = { url: a.url };
    const clients = Array.from({ length: 10 }, (_, index) =>
      stage.follow({ url: () => home.url, transport: index % 2 === 0 ? 'ws' : 'sse' }),
    );
    let moves = 0;
    let slowest = 0;
    const running = stage.promoters.run({
      url: a.url,
      clients: 2,
      persistent: true,
      stop: () => moves >= options.faults,
    });
    while (moves < options.faults) {
      await until('all hear', () => clients.every((client) => client.isHearing()));
      proxy.stall((name) => TAIL.test(name));
      const thaw = sleep(500 + random(3_500)).then(() => proxy.flow());
      await sleep(300);
      home.url = b.url;
      const began = Date.now();
      for (const client of clients) client.cut();
      await until('all hear', () => clients.every((client) => client.isHearing()), 30_000);
      slowest = Math.max(slowest, Date.now() - began);
      await thaw;
      home.url = a.url;
      for (const client of clients) client.cut();
      moves += clients.length;
    }
    await running;
    await stage.promoters.settle(a.url);
    const snapshots = clients.flatMap((client) => client.snapshots);
    const ahead = snapshots.filter((reason) => reason === 'CURSOR_AHEAD').length;
    return { faults: moves, figures: { slowestAnswerMs: slowest, cursorAhead: ahead } };
  });
}

interface Head {
  readonly seq: bigint;
  readonly hash: Buffer;
}

async function placeOf(stage: Stage, seq?: number): Promise<Head> {
  const rows =
    seq === undefined
      ? await stage.query<{ seq: string; hash: Buffer }>(
          `SELECT c.seq, c.hash FROM event_counter c JOIN workspace w ON w.id = c.workspace_id WHERE w.slug = 'default'`,
        )
      : await stage.query<{ seq: string; hash: Buffer }>(
          `SELECT e.seq, e.hash FROM event e JOIN workspace w ON w.id = e.workspace_id WHERE w.slug = 'default' AND e.seq = $1`,
          [seq],
        );
  const [row] = rows;
  if (row === undefined) throw new Error(`no event ${seq}`);
  return { seq: BigInt(row.seq), hash: row.hash };
}

/** Row 9: cursors from the future, of another history or workspace, and garbage: each has its answer, over both transports. */
export async function strangeCursors(options: RowOptions): Promise<RowResult> {
  return onStage('row9', options, async (stage) => {
    const node = await stage.startNode();
    const head = await placeOf(stage);
    const at = (seq: bigint, hash: Buffer = head.hash) => encodeFeedCursor({ seq, hash });
    const strange: [string, string, string][] = [
      ['head + 1', at(head.seq + 1n), 'CURSOR_AHEAD'],
      ['head + 1,000,000', at(head.seq + 1_000_000n), 'CURSOR_AHEAD'],
      ['another history', at(head.seq, Buffer.alloc(32, 7)), 'HISTORY_CHANGED'],
      ['another history, further back', at(1n, Buffer.alloc(32, 7)), 'HISTORY_CHANGED'],
      ['another workspace', at(2n, Buffer.alloc(32, 9)), 'HISTORY_CHANGED'],
      ['garbage', 'garbage', 'BAD_CURSOR'],
      ['an empty one', '', 'BAD_CURSOR'],
      ['another format', Buffer.alloc(17, 2).toString('base64url'), 'BAD_CURSOR'],
      ['the largest', at(2n ** 63n - 1n), 'CURSOR_AHEAD'],
    ];
    const findings: string[] = [];
    let slowestMs = 0;
    for (const transport of ['ws', 'sse'] as const)
      for (const [what, after, wanted] of strange) {
        // The event stream takes an empty Last-Event-ID, as a browser sends it, for none.
        const expected = transport === 'sse' && after === '' ? 'REQUESTED' : wanted;
        const { answer, tookMs } = await ask(node.url, { transport, after });
        slowestMs = Math.max(slowestMs, tookMs);
        if (answer !== expected) findings.push(`${what} over ${transport}: ${answer} instead of ${expected}`);
        if (tookMs > 3_000) findings.push(`${what} over ${transport}: answered after ${tookMs} ms`);
      }
    return { faults: strange.length * 2, findings, figures: { slowestMs } };
  });
}

/** Row 10: resuming at the edge of the replay window, and around it while it moves. */
export async function windowEdge(options: RowOptions): Promise<RowResult> {
  return onStage('row10', options, async (stage) => {
    const node = await stage.startNode();
    const sql = await stage.sql();
    await sql.many(6);
    const { seq } = await placeOf(stage);
    await sql.fill(WINDOW - 3);
    // A node that read along, and one that begins where the log is: its memory holds nothing of the window.
    const fresh = await stage.startNode();
    const findings: string[] = [];
    let slowestMs = 0;
    for (const [name, { url }] of Object.entries({ node, fresh })) {
      await until(
        'the node has read it all',
        async () => (await headSeenBy(url)) === Number(seq) + WINDOW - 3,
      );
      for (const [place, wanted] of [
        [seq - 4n, 'CURSOR_EXPIRED'],
        [seq - 3n, 'promoted'],
        [seq - 2n, 'promoted'],
      ] as const) {
        const after = encodeFeedCursor(await placeOf(stage, Number(place)));
        const { answer, tookMs } = await ask(url, { transport: 'ws', after });
        slowestMs = Math.max(slowestMs, tookMs);
        if (answer !== wanted) findings.push(`${name}, after ${place}: ${answer} instead of ${wanted}`);
      }
    }
    for (let round = 0; round < options.faults; round += 1) await crossTheEdge(stage, { node, sql, round });
    return { faults: 6 + options.faults, findings, figures: { slowestMs } };
  });
}

/** A client comes back from about the edge while the log grows: with a snapshot or with everything, the validator judges. */
async function crossTheEdge(
  stage: Stage,
  { node, sql, round }: { readonly node: Node; readonly sql: SqlPromoters; readonly round: number },
): Promise<void> {
  const gate = { isOpen: true };
  const client = stage.follow({
    url: () => (gate.isOpen ? node.url : 'http://127.0.0.1:9'),
    transport: round % 3 === 0 ? 'sse' : 'ws',
    follows: { channel: 'stable', prompts: null, mode: round % 2 === 0 ? 'ALL' : 'LATEST' },
  });
  await until('it hears', () => client.seq() > 0);
  gate.isOpen = false;
  client.cut();
  await sql.many(10);
  await sql.fill(WINDOW - 40 + stage.random(30));
  const moving = Promise.all([sql.many(20), sql.fill(60, 1)]);
  await sleep(stage.random(150));
  gate.isOpen = true;
  await moving;
  await stage.settle(60_000);
}

async function headSeenBy(url: string): Promise<number> {
  const { seq } = await ask(url, { transport: 'ws', after: null });
  return seq;
}

/** Row 12: the database is taken back to an older state under connected clients, and goes on from there. */
export async function restored(options: RowOptions): Promise<RowResult> {
  return onStage('row12', options, async (stage) => {
    const nodes = [await stage.startNode(), await stage.startNode()];
    const sql = await stage.sql();
    await sql.many(40);
    const clients = Array.from({ length: Math.min(100, 10 * options.faults) }, (_, index) =>
      followNode(
        stage,
        nodes[index % 2]?.url ?? '',
        index % 3 === 0 ? 'sse' : 'ws',
        index % 2 === 0 ? 'ALL' : 'LATEST',
      ),
    );
    const slowest: number[] = [];
    for (let fault = 0; fault < options.faults; fault += 1) {
      const back = await placeOf(stage);
      await sql.many(30);
      await stage.settle();
      await stage.noteState();
      await takeBack(stage, back);
      // Another history, and longer than the one that was lost: by its numbers alone nobody would notice.
      if (fault % 2 === 0) await sql.many(45, { slugs: ['a', 'b'] });
      const began = Date.now();
      const changed = () =>
        clients.filter(
          (client) => client.snapshots.filter((reason) => reason === 'HISTORY_CHANGED').length > fault,
        );
      await until('every client was told', () => changed().length === clients.length, 30_000);
      slowest.push(Date.now() - began);
      await sql.many(20);
    }
    return { faults: options.faults, figures: { clients: clients.length, slowestMs: Math.max(...slowest) } };
  });
}

/** As a restore of an older backup: what came later was never there. Triggers are off, as for whoever restores. */
async function takeBack(stage: Stage, { seq, hash }: Head): Promise<void> {
  await stage.query(`DO $$
    DECLARE ws uuid := (SELECT id FROM workspace WHERE slug = 'default');
    BEGIN
      SET LOCAL session_replication_role = replica;
      DELETE FROM event WHERE workspace_id = ws AND seq > ${seq};
      DELETE FROM channel_pointer p WHERE workspace_id = ws AND NOT EXISTS
        (SELECT 1 FROM event e WHERE e.workspace_id = ws AND e.promotion_id = p.promotion_id);
      DELETE FROM promotion m WHERE workspace_id = ws AND NOT EXISTS
        (SELECT 1 FROM event e WHERE e.workspace_id = ws AND e.promotion_id = m.id);
      INSERT INTO channel_pointer (workspace_id, channel_id, prompt_id, version_id, promotion_id, since)
        SELECT DISTINCT ON (channel_id, prompt_id) workspace_id, channel_id, prompt_id, version_id, id, created_at
        FROM promotion WHERE workspace_id = ws ORDER BY channel_id, prompt_id, ordinal DESC
        ON CONFLICT DO NOTHING;
      UPDATE event_counter SET seq = ${seq}, hash = '\\x${hash.toString('hex')}' WHERE workspace_id = ws;
    END $$`);
}
