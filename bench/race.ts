import { setTimeout as delay } from 'node:timers/promises';
import type { Contestant, Field } from './contestants.ts';

/** What a server still does after its last frame belongs to the fan-out. */
const AFTERMATH_MS = 40;
const WARM_UPS = 3;
const WARM_UP_ATTEMPTS = 8;

export type Runner = keyof Field;
export const RUNNERS: readonly Runner[] = ['forge', 'bare', 'asItComes', 'second'];

/** One event to all subscribers of one server. */
export interface Round {
  readonly bytes: number;
  /** From the trigger, a request over HTTP, to the last arrival: with PromptForge a whole promotion, commit and all. */
  readonly lastMs: number;
  /** From the first arrival to the last. */
  readonly spreadMs: number;
  /** CPU of the server process. */
  readonly cpuMsPerThousand: number;
  readonly loadShare: number;
}

export interface Heat {
  readonly subscribers: number;
  readonly rounds: Readonly<Record<Runner, Round[]>>;
}

/** Who is there, in turns. */
export function contestantsOf(field: Field): [Runner, Contestant][] {
  return RUNNERS.flatMap((runner): [Runner, Contestant][] => {
    const contestant = field[runner];
    return contestant === null ? [] : [[runner, contestant]];
  });
}

/** All servers up to so many subscribers, warm. */
export async function openAll(field: Field, subscribers: number): Promise<void> {
  for (const [, contestant] of contestantsOf(field)) {
    await contestant.open(subscribers);
    await warmUp(contestant, subscribers);
  }
}

/** The servers in turns. */
export async function runHeat(field: Field, subscribers: number, rounds: number): Promise<Heat> {
  const heat: Heat = { subscribers, rounds: { forge: [], bare: [], asItComes: [], second: [] } };
  for (let round = 0; round < rounds; round += 1)
    for (const [runner, contestant] of contestantsOf(field))
      heat.rounds[runner].push(await runRound(contestant, subscribers));
  return heat;
}

export async function runRound(contestant: Contestant, subscribers: number): Promise<Round> {
  const before = await contestant.cpuMs();
  const { arrivalsMs, bytes, loadShare } = await contestant.fire();
  requireAll(arrivalsMs.length, subscribers);
  await delay(AFTERMATH_MS);
  const cpuMs = (await contestant.cpuMs()) - before;
  const lastMs = arrivalsMs.at(-1) ?? Number.NaN;
  const spreadMs = lastMs - (arrivalsMs[0] ?? Number.NaN);
  return { bytes, lastMs, spreadMs, cpuMsPerThousand: (cpuMs / subscribers) * 1_000, loadShare };
}

/** Nothing tells a client that its subscription is live: it is when an event arrives. */
export async function warmUp(contestant: Contestant, subscribers: number): Promise<void> {
  let complete = 0;
  for (let attempt = 0; complete < WARM_UPS; attempt += 1) {
    const { arrivalsMs } = await contestant.fire();
    if (arrivalsMs.length === subscribers) complete += 1;
    else if (attempt >= WARM_UP_ATTEMPTS) requireAll(arrivalsMs.length, subscribers);
  }
}

export function requireAll(arrived: number, subscribers: number): void {
  if (arrived !== subscribers) throw new Error(`${arrived} of ${subscribers} subscribers heard of an event`);
}
