import type { ChildProcess } from 'node:child_process';
import { startPair } from './contestants.ts';
import { median } from './figures.ts';
import { bodyOf, headersOf } from './http-text.ts';
import { fetchRaw, loadByNode } from './load-client.ts';
import { ask, startBare, startPromptForge } from './processes.ts';
import type { Measured } from './processes.ts';
import { runRound, warmUp } from './race.ts';
import { readCases, seedReads } from './read-cases.ts';
import type { ReadCase } from './read-cases.ts';

const TARGETS = ['T1', 'T2', 'T3', 'T4', 'T6'];
/** Pairs of slices, of which the median counts. */
const ROUNDS = 5;
const SLICE = { connections: 32, measureMs: 300, pauseMs: 0 };
/** Until the code is compiled, and what is kept is full. */
const WARM_UP = { ...SLICE, measureMs: 1_500 };
const FAN_OUTS = 15;
const SUBSCRIBERS = 1_000;

/** One look at one thing: how much of the bare server PromptForge reaches, 1 is as good. */
export type Look = () => Promise<number>;

/** Looks at the same two servers, which are up until `stop`. */
export interface Looks {
  readonly looks: ReadonlyMap<string, Look>;
  stop(): Promise<void>;
}

type Server = Measured & { readonly child: ChildProcess };

/** Processor time of an answer. */
export async function readLooks(pinned: boolean): Promise<Looks> {
  const forge = await startPromptForge(pinned);
  const bare = await startBare(pinned);
  await seedReads(forge);
  const cases = (await readCases(forge)).filter(({ target }) => TARGETS.includes(target ?? ''));
  const looks = cases.map((one): [string, Look] => {
    const look = async () => {
      const sample = await fetchRaw(forge.port, one);
      const body = bodyOf(sample).toString('base64');
      await bare.answer({ status: one.status, headers: headersOf(sample), body });
      for (const server of [forge, bare]) await cpuOfAnswer(server, one, WARM_UP);
      return medianOfPairs(ROUNDS, {
        own: () => cpuOfAnswer(forge, one, SLICE),
        other: () => cpuOfAnswer(bare, one, SLICE),
      });
    };
    return [`${one.name}, CPU of an answer`, look];
  });
  return { looks: new Map(looks), stop: () => stopBoth(bare, forge) };
}

/** Processor time of a promotion and of its way to all subscribers. */
export async function pushLooks(pinned: boolean): Promise<Looks> {
  const { forge, bare } = await startPair('WEBSOCKET', pinned);
  for (const one of [forge, bare]) {
    await one.open(SUBSCRIBERS);
    await warmUp(one, SUBSCRIBERS);
  }
  const look = () =>
    medianOfPairs(FAN_OUTS, {
      own: async () => (await runRound(forge, SUBSCRIBERS)).cpuMsPerThousand,
      other: async () => (await runRound(bare, SUBSCRIBERS)).cpuMsPerThousand,
    });
  const name = `fan-out to ${SUBSCRIBERS} WebSockets and its promotion, CPU`;
  return { looks: new Map([[name, look]]), stop: () => stopBoth(bare, forge) };
}

/** In turns, each time the other way round: what changes on the machine meanwhile changes both. */
async function medianOfPairs(pairs: number, cost: { own: Look; other: Look }): Promise<number> {
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = pair % 2 === 0 ? 'own' : 'other';
    const begun = await cost[first]();
    const ended = await cost[first === 'own' ? 'other' : 'own']();
    ratios.push(first === 'own' ? ended / begun : begun / ended);
  }
  return median(ratios);
}

/** By as many answers as there were, not by time: beside other work there are fewer, and each costs the same. */
async function cpuOfAnswer({ port, child }: Server, one: ReadCase, pace: typeof SLICE): Promise<number> {
  const before = await ask<number>(child, 'cpu');
  const { answers } = await loadByNode(port, one, pace);
  return ((await ask<number>(child, 'cpu')) - before) / answers;
}

async function stopBoth(...servers: readonly Pick<Measured, 'stop'>[]): Promise<void> {
  for (const server of servers) await server.stop();
}
