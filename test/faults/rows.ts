import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectToRunningEmbedded, startEmbeddedServer } from '../../src/db/embedded-server.ts';
import {
  makeRoom,
  postgresProcesses,
  removeRoom,
  seeded,
  SMALL_POSTGRES,
  startChaosProxy,
  startServerProcess,
  until,
  withClient,
} from './harness.ts';
import type { ServerProcess } from './harness.ts';
import { createPromoters, seedPrompts } from './promoters.ts';
import { createHistory } from './history.ts';
import type { RowOptions, RowResult } from './stage.ts';
import { findings, readFinalState } from './witness.ts';

const CLIENTS = 8;

/** Rows 1, 2 and 32: the server with its embedded database is killed while clients promote, and started again. */
export async function killServer({ seed, faults, historyFile }: RowOptions): Promise<RowResult> {
  const room = await makeRoom();
  const dataDirectory = join(room, 'data');
  const random = seeded(seed);
  const history = createHistory(historyFile);
  const promoters = createPromoters(history, random, `row1-${seed}`);
  let server = await startServerProcess({ PROMPTFORGE_DATA_DIR: dataDirectory });
  try {
    await seedPrompts(server.url);
    for (let fault = 0; fault < faults; fault += 1) {
      const killAt = promoters.acknowledged() + random(40);
      const current = server;
      let isKilled = false;
      const killIfDue = (count: number) => {
        if (count < killAt || isKilled) return;
        isKilled = true;
        // A moment later, so that the death falls anywhere in what the other clients are doing.
        setTimeout(() => current.child.kill('SIGKILL'), random(12));
      };
      await promoters.run({
        url: current.url,
        clients: CLIENTS,
        stop: () => false,
        onAcknowledged: killIfDue,
      });
      await current.kill('SIGKILL');
      server = await startServerProcess({ PROMPTFORGE_DATA_DIR: dataDirectory });
      await promoters.settle(server.url);
    }
    const connection = await connectToRunningEmbedded(dataDirectory);
    if (connection === null) throw new Error('the embedded server does not run');
    const state = await withClient(connection, readFinalState);
    return { acknowledged: promoters.acknowledged(), faults, findings: findings(history.lines, state) };
  } finally {
    await server.kill('SIGTERM');
    await removeRoom(room);
  }
}

/** Row 3: PostgreSQL, with all its processes, is killed under promotions; the server stays and starts it again. */
export async function killPostgres({ seed, faults, historyFile }: RowOptions): Promise<RowResult> {
  const room = await makeRoom();
  const dataDirectory = join(room, 'data');
  const random = seeded(seed);
  const history = createHistory(historyFile);
  const promoters = createPromoters(history, random, `row3-${seed}`);
  const server = await startServerProcess({ PROMPTFORGE_DATA_DIR: dataDirectory });
  try {
    await seedPrompts(server.url);
    for (let fault = 0; fault < faults; fault += 1) {
      const killAt = promoters.acknowledged() + 5 + random(40);
      const killing: Promise<void>[] = [];
      const killIfDue = (count: number) => {
        if (count >= killAt && killing.length === 0) killing.push(killAll(dataDirectory));
      };
      // PostgreSQL may be back before a client has noticed: then nothing would end its loop but this.
      const stop = () => killing.length > 0;
      await promoters.run({ url: server.url, clients: CLIENTS, stop, onAcknowledged: killIfDue });
      await Promise.all(killing);
      await promoters.settle(server.url);
    }
    const connection = await connectToRunningEmbedded(dataDirectory);
    if (connection === null) throw new Error('the embedded server does not run');
    const state = await withClient(connection, readFinalState);
    return result(server, {
      acknowledged: promoters.acknowledged(),
      faults,
      findings: findings(history.lines, state),
    });
  } finally {
    await server.kill('SIGTERM');
    await removeRoom(room);
  }
}

async function killAll(dataDirectory: string): Promise<void> {
  for (const pid of await postgresProcesses(dataDirectory)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself, because an earlier one did.
    }
  }
}

/** Row 4: the answer to a COMMIT is lost; the same idempotency key makes the repetition harmless. */
export async function cutAnswers({ seed, faults, historyFile }: RowOptions): Promise<RowResult> {
  return behindProxy({ seed, historyFile, name: 'row4' }, async ({ promoters, proxy, server }) => {
    for (let done = 0; done < faults;) {
      const wave = Math.min(4, faults - done);
      proxy.plan.push(...Array.from({ length: wave }, () => 'cut' as const));
      await Promise.all(
        Array.from({ length: CLIENTS }, () => promoters.attempt(server.url, promoters.next())),
      );
      done += wave;
      await until('every planned answer was lost', () => proxy.tampered() >= done);
      await promoters.settle(server.url);
    }
    return faults;
  });
}

/** Row 37: the answer to a COMMIT comes after the transaction's time is over. */
export async function delayAnswers({ seed, faults, historyFile }: RowOptions): Promise<RowResult> {
  return behindProxy({ seed, historyFile, name: 'row37' }, async ({ promoters, proxy, server }) => {
    const wave = 6;
    for (let done = 0; done < faults; done += wave) {
      proxy.plan.push(...Array.from({ length: wave }, () => ({ delayMs: 5_500 })));
      await Promise.all(
        Array.from({ length: CLIENTS }, () => promoters.attempt(server.url, promoters.next())),
      );
      await until('every planned answer was late', () => proxy.tampered() >= done + wave);
      await promoters.settle(server.url);
    }
    return proxy.tampered();
  });
}

interface Stage {
  readonly promoters: ReturnType<typeof createPromoters>;
  readonly proxy: Awaited<ReturnType<typeof startChaosProxy>>;
  readonly server: ServerProcess;
}

async function behindProxy(
  { seed, historyFile, name }: { seed: number; historyFile: string | undefined; name: string },
  play: (stage: Stage) => Promise<number>,
): Promise<RowResult> {
  const room = await makeRoom();
  const postgres = await startEmbeddedServer({
    dataDirectory: join(room, 'data'),
    log: () => undefined,
    settings: SMALL_POSTGRES,
  });
  const proxy = await startChaosProxy(postgres.connection);
  const history = createHistory(historyFile);
  const promoters = createPromoters(history, seeded(seed), `${name}-${seed}`);
  const server = await startServerProcess({ DATABASE_URL: proxy.url(postgres.connection.database) });
  try {
    await seedPrompts(server.url);
    const faults = await play({ promoters, proxy, server });
    const state = await withClient(postgres.connection, readFinalState);
    return result(server, {
      acknowledged: promoters.acknowledged(),
      faults,
      findings: findings(history.lines, state),
    });
  } finally {
    await server.kill('SIGTERM');
    await proxy.close();
    await postgres.stop();
    await removeRoom(room);
    await rm(postgres.dataDirectory, { recursive: true, force: true });
  }
}

/** The process must have lived through it all, and have had nothing that it did not expect. */
function result(server: ServerProcess, row: RowResult): RowResult {
  const ended = server.isRunning() ? [] : [`the server ended: ${server.output().slice(-2_000)}`];
  const surprises = server
    .output()
    .split('\n')
    .filter((line) => /unexpected error|unhandled|uncaught/i.test(line))
    .map((line) => `the server was surprised: ${line.slice(0, 500)}`);
  return { ...row, findings: [...row.findings, ...ended, ...surprises] };
}
