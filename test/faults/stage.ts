import { join } from 'node:path';
import { startEmbeddedServer } from '../../src/db/embedded-server.ts';
import type { EmbeddedConnection, EmbeddedServer } from '../../src/db/embedded-server.ts';
import type { TestDatabase } from '../support/database.ts';
import { startServerProcess } from '../support/process.ts';
import type { ServerProcess } from '../support/process.ts';
import { startProxy } from './chaos-proxy.ts';
import type { ChaosProxy } from './chaos-proxy.ts';
import { matches } from './feed-index.ts';
import { ADMIN_KEY, makeRoom, removeRoom, seeded, SMALL_POSTGRES, until, withClient } from './harness.ts';
import { createHistory } from './history.ts';
import type { Follows, History } from './history.ts';
import { createPromoters, seedPrompts } from './promoters.ts';
import type { Promoters } from './promoters.ts';
import { openSqlPromoters } from './sql-promoters.ts';
import type { SqlPromoters } from './sql-promoters.ts';
import { createSubscriber } from './subscriber.ts';
import type { Subscriber, SubscriberOptions } from './subscriber.ts';
import { validate } from './validator.ts';
import type { Finding } from './seat.ts';
import { readFinalState } from './witness.ts';

export type Figures = Readonly<Record<string, number | string | boolean>>;

/** What one run of a row showed. */
export interface RowResult {
  readonly acknowledged: number;
  /** How many times the fault was caused. */
  readonly faults: number;
  readonly findings: readonly string[];
  readonly figures?: Figures;
}

export interface RowOptions {
  readonly seed: number;
  readonly faults: number;
  readonly historyFile?: string | undefined;
  /** On a machine that has other work to do: a time is judged by the fastest of its tries, not by the slowest. */
  readonly lenient?: boolean;
  /** Somebody else's program that causes the fault. */
  readonly tool?: 'slowhttptest';
}

export interface NodeOptions {
  /** @default the stage's own PostgreSQL, directly */
  readonly databaseUrl?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs it elsewhere. */
  readonly prefix?: readonly string[];
}

export interface Node extends ServerProcess {
  /** Ends it in a way that the row means. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  isRunning(): boolean;
}

export interface Stage {
  readonly random: (below: number) => number;
  readonly history: History;
  readonly connection: EmbeddedConnection;
  readonly databaseUrl: string;
  /** PostgreSQL's own files. */
  readonly clusterDirectory: string;
  readonly promoters: Promoters;
  readonly batches: Promoters;
  query: TestDatabase['query'];
  stopDatabase(): Promise<void>;
  startDatabase(): Promise<void>;
  startNode(options?: NodeOptions): Promise<Node>;
  /** Between a node and PostgreSQL; `url` is what the node is given. */
  databaseProxy(host?: string): Promise<ChaosProxy & { readonly url: string }>;
  sql(): Promise<SqlPromoters>;
  follow(options: Pick<SubscriberOptions, 'url'> & Partial<SubscriberOptions>): Subscriber;
  /** Waits until every client has heard everything that concerns it. */
  settle(patienceMs?: number): Promise<void>;
  /** Notes what the database holds, before a restore takes it away. */
  noteState(): Promise<void>;
  atEnd(close: () => Promise<unknown> | void): void;
}

const DEFAULT_FOLLOWS: Follows = { channel: 'stable', prompts: null, mode: 'ALL' };

/** Plays a row: a PostgreSQL of its own, nodes, clients; afterwards every client must have heard everything and the history must be clean. */
export async function onStage(
  name: string,
  { seed, historyFile }: RowOptions,
  play: (stage: Stage) => Promise<{ faults: number; figures?: Figures; findings?: readonly string[] }>,
): Promise<RowResult> {
  const closers: (() => Promise<unknown> | void)[] = [];
  try {
    const room = await makeRoom();
    closers.push(() => removeRoom(room));
    const { stage, subscribers, nodes } = await setStage({ name, seed, historyFile, room, closers });
    const { faults, figures = {}, findings = [] } = await play(stage);
    // Who has not heard everything by now says so none the less: the validator names what is missing.
    const late = await stage.settle().then(
      () => [],
      (error: unknown) => [String(error)],
    );
    for (const subscriber of subscribers) subscriber.stop(true);
    await stage.noteState();
    const found = validate(stage.history.lines).map((finding) => describe(finding, stage.history));
    return {
      acknowledged: stage.history.lines.filter(({ what }) => what === 'ok').length,
      faults,
      findings: [...findings, ...late, ...found, ...nodes.flatMap(surprisesOf)],
      figures: { ...figures, frames: stage.history.lines.filter(({ what }) => what === 'frame').length },
    };
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

/** What to say of times that must not be longer than this. */
export function tooLong(
  what: string,
  times: readonly number[],
  limitMs: number,
  { lenient = false }: RowOptions,
): string[] {
  const judged = lenient ? Math.min(...times) : Math.max(...times);
  return judged > limitMs ? [`${what}: ${times.join(', ')} ms, at most ${limitMs} are promised`] : [];
}

function describe({ rule, line, client, says }: Finding, history: History): string {
  const shown = client === null ? '' : `; ${JSON.stringify(history.lines[line])}`;
  return `${rule} at line ${line} (${client ?? 'database'}): ${says}${shown}`.slice(0, 600);
}

interface SetOptions {
  readonly name: string;
  readonly seed: number;
  readonly historyFile: string | undefined;
  readonly room: string;
  readonly closers: (() => Promise<unknown> | void)[];
}

async function setStage({ name, seed, historyFile, room, closers }: SetOptions) {
  const options = {
    dataDirectory: join(room, 'data'),
    log: () => undefined,
    settings: { ...SMALL_POSTGRES, max_connections: '150' },
  };
  let postgres: EmbeddedServer = await startEmbeddedServer(options);
  closers.push(() => postgres.stop());
  const { connection } = postgres;
  const { host, port, user, database } = connection;
  const databaseUrl = `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const history = createHistory(historyFile);
  const random = seeded(seed);
  const subscribers: Subscriber[] = [];
  const nodes: (Node & { isMeant: () => boolean })[] = [];
  const query: Stage['query'] = async (sql, values = []) =>
    withClient(connection, async (client) => (await client.query<never>(sql, [...values])).rows);
  const stage: Stage = {
    random,
    history,
    connection,
    databaseUrl,
    clusterDirectory: join(options.dataDirectory, 'postgres'),
    query,
    promoters: createPromoters(history, random, `${name}-${seed}`),
    batches: createPromoters(history, random, `${name}-${seed}-batch`, { batch: 3 }),
    stopDatabase: () => postgres.stop(),
    startDatabase: async () => {
      postgres = await startEmbeddedServer(options);
    },
    startNode: async (nodeOptions = {}) => {
      const node = await startNode({ databaseUrl, ...nodeOptions });
      if (nodes.length === 0) await seedPrompts(node.url);
      nodes.push(node);
      closers.push(() => node.stop('SIGKILL'));
      return node;
    },
    databaseProxy: async (at = '127.0.0.1') => {
      const proxy = await startProxy(() => ({ path: join(host, `.s.PGSQL.${port}`) }), at);
      closers.push(() => proxy.close());
      return { ...proxy, url: `postgresql://${user}@${at}:${proxy.port}/${database}` };
    },
    sql: async () => {
      const sql = await openSqlPromoters(connection, history, 34);
      closers.push(() => sql.close());
      return sql;
    },
    follow: (wanted) => {
      const number = subscribers.length + 1;
      const subscriber = createSubscriber({
        history,
        name: `c${number}`,
        follows: DEFAULT_FOLLOWS,
        transport: 'ws',
        random,
        ...wanted,
      });
      subscribers.push(subscriber);
      closers.push(() => subscriber.stop(false));
      return subscriber;
    },
    settle: (patienceMs) => settle(query, subscribers, patienceMs),
    noteState: async () =>
      history.note({
        what: 'state',
        state: await withClient(connection, (client) => readFinalState(client)),
      }),
    atEnd: (close) => void closers.push(close),
  };
  return { stage, subscribers, nodes };
}

async function startNode({
  databaseUrl,
  port,
  env,
  prefix,
}: NodeOptions & { databaseUrl: string }): Promise<Node & { isMeant: () => boolean }> {
  const settings = {
    DATABASE_URL: databaseUrl,
    PROMPTFORGE_ADMIN_KEY: ADMIN_KEY,
    PROMPTFORGE_DEMO: 'false',
    ...(port === undefined ? {} : { PORT: String(port) }),
    ...env,
  };
  const node = await startServerProcess(settings, prefix);
  let isMeant = false;
  return {
    ...node,
    isMeant: () => isMeant,
    isRunning: () => isAlive(node.pid),
    end: async (signal) => {
      isMeant = true;
      return (await node.stop(signal)).code;
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A node must have lived through it all, and have had nothing that it did not expect. */
function surprisesOf(node: Node & { isMeant: () => boolean }): string[] {
  const text = `${node.output()}${node.errors()}`;
  const ended = node.isMeant() || node.isRunning() ? [] : [`a node ended by itself: ${text.slice(-1_500)}`];
  const lines = text.split('\n').filter((line) => /unexpected error|unhandled|uncaught/i.test(line));
  return [...ended, ...lines.map((line) => `a node was surprised: ${line.slice(0, 500)}`)];
}

async function settle(
  query: Stage['query'],
  subscribers: readonly Subscriber[],
  patienceMs?: number,
): Promise<void> {
  const rows = await query<{ slug: string; channel: string; end: number }>(
    `SELECT payload::json->>'slug' AS slug, payload::json->>'channel' AS channel,
       max((SELECT max(o.seq) FROM event o WHERE o.workspace_id = e.workspace_id AND o.commit_seq = e.commit_seq))::int AS "end"
     FROM event e JOIN workspace w ON w.id = e.workspace_id
     WHERE w.slug = 'default' AND type IN ('VersionPromoted', 'VersionWithdrawn') GROUP BY 1, 2`,
  );
  const targetOf = ({ channel, prompts }: Follows) =>
    Math.max(
      0,
      ...rows.filter((row) => row.channel === channel && matches(prompts, row.slug)).map((row) => row.end),
    );
  const behind = () => subscribers.filter((subscriber) => subscriber.seq() < targetOf(subscriber.follows));
  await until('every client has heard everything', () => behind().length === 0, patienceMs).catch((error) => {
    const [one] = behind();
    const where = `${behind().length} of ${subscribers.length}; ${one?.name} is at ${one?.seq()}, ends: ${one?.ends.slice(-3).join(', ')}`;
    throw new Error(`${String(error)}: ${where}`);
  });
}
