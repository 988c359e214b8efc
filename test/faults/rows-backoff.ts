import { createPromptForge } from '../../src/sdk/client.ts';
import { createVirtualClock } from '../sdk/contract/virtual-clock.ts';
import type { VirtualClock } from '../sdk/contract/virtual-clock.ts';
import { seeded } from './harness.ts';
import type { RowOptions, RowResult } from './stage.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HEARTBEAT_MS = 15 * SECOND;
/** The waits grow from one second to thirty: until then most of them are shorter than what they are spread over. */
const FIRST_SPREAD_MS = 30 * SECOND;
const PEAK_SHARE = 0.1;
/** Until then: the second wait is half a second at least. See docs/decisions/0033. */
const FIRST_TRIES_A_SECOND = 2;
const CAP_MS = 30 * SECOND;
const REFUSED_LEAST_MS = 150 * SECOND;
const CURSOR = 'AQAAAAAAAAAJW5diMNEm0Kg';

type Mood = 'well' | 'down' | 'refusing';

/** Row 56: so many clients lose their server in virtual time, find it again, lose it again, and are refused. */
export async function backoff({ seed, faults: clients }: RowOptions): Promise<RowResult> {
  const random = seeded(seed);
  const clock = createVirtualClock(Date.parse('2026-11-24T12:00:00Z'), () => random(2 ** 30) / 2 ** 30);
  const world = createWorld(clock);
  const all = Array.from({ length: clients }, (_, index) =>
    createPromptForge(
      {
        url: 'http://promptforge.test',
        apiKey: 'pf_key',
        transports: ['sse'],
        instance: `${index}`,
        fetch: world.fetch,
      },
      { clock },
    ),
  );
  try {
    await pass(clock, 2 * MINUTE);
    const connected = world.open();
    const outage = await world.during('down', 10 * MINUTE);
    const recovery = await world.during('well', 2 * MINUTE);
    const back = world.open();
    const again = await world.during('down', 5 * SECOND);
    await world.during('well', 2 * MINUTE);
    const refused = await world.during('refusing', 60 * MINUTE);
    const late = peak(outage.attempts.filter(({ at }) => at > FIRST_SPREAD_MS));
    const caps = longest(outage.attempts);
    const firstWait = Math.max(...firsts(again.attempts));
    const refusedWait = shortestBetweenRefusals(refused.attempts);
    return {
      acknowledged: 0,
      faults: clients,
      findings: [
        ...unless(
          connected === clients && back === clients,
          `${connected}, then ${back} of ${clients} were connected`,
        ),
        ...unless(
          peak(outage.attempts) <= clients * FIRST_TRIES_A_SECOND,
          `${peak(outage.attempts)} of ${clients} came in one of the first seconds`,
        ),
        ...unless(late <= clients * PEAK_SHARE, `${late} of ${clients} came in one second`),
        ...unless(
          peak(recovery.attempts) <= clients * PEAK_SHARE,
          `${peak(recovery.attempts)} came in one second of the recovery`,
        ),
        ...unless(caps <= CAP_MS, `one waited for ${caps} ms`),
        ...unless(firstWait <= SECOND, `after a healthy minute the first wait was ${firstWait} ms`),
        ...unless(refusedWait >= REFUSED_LEAST_MS, `a refused key was sent again after ${refusedWait} ms`),
      ],
      figures: {
        attempts: outage.attempts.length,
        peakInFirst30s: peak(outage.attempts),
        peakAfterwards: late,
        peakOfRecovery: peak(recovery.attempts),
        longestWaitMs: Math.round(caps),
        firstWaitAfterHealthyMs: Math.round(firstWait),
        shortestWaitRefusedMs: Math.round(refusedWait),
      },
    };
  } finally {
    for (const client of all) await client.close();
  }
}

interface Attempt {
  readonly who: string;
  /** Since the phase began. */
  readonly at: number;
}

interface Phase {
  readonly attempts: readonly Attempt[];
}

/** One server for all of them, in the same virtual time: what `fetch` would find of it. */
function createWorld(clock: VirtualClock) {
  let mood: Mood = 'well';
  let began = clock.now();
  let attempts: Attempt[] = [];
  const streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const say = (text: string) => {
    for (const stream of streams) stream.enqueue(new TextEncoder().encode(text));
  };
  const beat = () => {
    say(`id: ${CURSOR}\nevent: bookmark\ndata: {"lagMs":0}\n\n`);
    clock.after(HEARTBEAT_MS, beat);
  };
  clock.after(HEARTBEAT_MS, beat);
  const answer = (signal: AbortSignal | null | undefined): Response => {
    if (mood === 'refusing')
      return Response.json(
        { status: 401, code: 'UNAUTHENTICATED' },
        { status: 401, headers: { 'content-type': 'application/problem+json' } },
      );
    let own: ReadableStreamDefaultController<Uint8Array> | undefined;
    const drop = () => void (own !== undefined && streams.delete(own));
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        streams.add(controller);
        const data = { reason: 'REQUESTED', part: 1, complete: true, entries: [], more: false };
        controller.enqueue(
          new TextEncoder().encode(`id: ${CURSOR}\nevent: snapshot\ndata: ${JSON.stringify(data)}\n\n`),
        );
      },
      cancel: drop,
    });
    signal?.addEventListener('abort', drop);
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  return {
    open: () => streams.size,
    fetch: (async (input, init) => {
      const url = new URL(input as string);
      if (url.pathname.endsWith('/applied')) return new Response(null, { status: 204 });
      attempts.push({ who: url.searchParams.get('instance') ?? '', at: clock.now() - began });
      if (mood === 'down') throw new TypeError('fetch failed');
      return answer(init?.signal);
    }) as typeof fetch,
    during: async (next: Mood, ms: number): Promise<Phase> => {
      mood = next;
      began = clock.now();
      attempts = [];
      if (next !== 'well') {
        for (const stream of streams) stream.error(new TypeError('terminated'));
        streams.clear();
      }
      await pass(clock, ms);
      return { attempts };
    },
  };
}

/** What a timer begins goes on in promises: they are let through before the next moment. */
async function pass(clock: VirtualClock, ms: number): Promise<void> {
  const until = clock.now() + ms;
  for (let due = 0; due < until;) {
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    due = Math.min(clock.nextDue() ?? until, until);
    clock.advanceTo(due);
  }
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The most within any second, wherever it begins. */
function peak(attempts: readonly Attempt[]): number {
  const times = attempts.map(({ at }) => at).toSorted((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [last, at] of times.entries()) {
    while (at - (times[first] ?? 0) >= SECOND) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

function byClient(attempts: readonly Attempt[]): number[][] {
  const times = new Map<string, number[]>();
  for (const { who, at } of attempts) times.set(who, [...(times.get(who) ?? []), at]);
  return [...times.values()];
}

function waits(attempts: readonly Attempt[]): number[] {
  return byClient(attempts).flatMap((times) => times.slice(1).map((at, index) => at - (times[index] ?? 0)));
}

const longest = (attempts: readonly Attempt[]) => Math.max(...waits(attempts));
const firsts = (attempts: readonly Attempt[]) => byClient(attempts).map(([first = 0]) => first);

/** The credential may be asked for once more at once after the first refusal: a callback may have a fresh one. */
function shortestBetweenRefusals(attempts: readonly Attempt[]): number {
  return Math.min(
    ...byClient(attempts).flatMap((times) => waits(times.slice(1).map((at) => ({ who: '', at })))),
  );
}

function unless(isRight: boolean, finding: string): string[] {
  return isRight ? [] : [finding];
}
