import { expect, vi } from 'vitest';
import type { World } from './content.ts';
import type { FakeServer } from './fake-server.ts';
import type { Try, Wish } from './fake-try.ts';
import type { Accept, Refusal, Step, Transport } from './format.ts';
import type { KeptState } from './polled-state.ts';
import { readinessOf } from './subject.ts';
import type { Subject } from './subject.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Real time for what must happen without time passing: bytes on their way, a hash. */
export const PATIENCE_MS = 3_000;
const ARRIVAL_MS = 15;
const AT_ONCE_MS = 500;
const LONGEST_WAIT_MS = 61_000;
const REFUSALS = {
  unauthorised: { status: 401, code: 'UNAUTHENTICATED', closeCode: 4403 },
  forbidden: { status: 403, code: 'FORBIDDEN', closeCode: null },
  'no-channel': { status: 404, code: 'CHANNEL_NOT_FOUND', closeCode: null },
  'bad-cursor': { status: 400, code: 'BAD_CURSOR', closeCode: null },
} as const;

export interface Playing {
  readonly over: Transport;
  readonly clock: VirtualClock;
  readonly server: FakeServer;
  readonly subject: Subject;
  readonly world: World;
  readonly state: KeptState;
}

type Wanted = Pick<Accept, 'url' | 'over' | 'between' | 'key'>;

/** The steps of a case that are about the connection. Time passes only where a step waits for the client to do something. */
export function createStage(playing: Playing) {
  const { over, clock, server, subject, world } = playing;
  let current: Try | null = null;
  let held: Try | null = null;
  let idleSince = clock.now();

  /** Until nothing is on its way between the client and the server. */
  async function settle(): Promise<void> {
    await turns(4);
    await soon(() => expect(subject.isTrying(), 'a try does not end').toBe(false));
    await new Promise((resolve) => setTimeout(resolve, 1));
    await turns(2);
  }

  /** Lets time pass, from one timer of the client to the next, until this is so. */
  async function passUntil(isSo: () => boolean, within: number, otherwise: () => string): Promise<void> {
    const until = idleSince + within;
    for (await settle(); !isSo(); await settle()) {
      const due = clock.nextDue();
      if (due === null || due > Math.max(until, clock.now())) throw new Error(otherwise());
      clock.advanceTo(due);
    }
  }

  async function nextTry({
    url,
    over: by = over,
    between = [0, LONGEST_WAIT_MS],
    key,
  }: Wanted): Promise<Try> {
    const [least, most] = between;
    await passUntil(
      () => server.tries.length > 0,
      most,
      () => `no try within ${most} ms`,
    );
    const attempt = server.tries.shift();
    if (attempt === undefined) throw new Error('no try');
    expect(attempt.over, 'transport of the try').toBe(by);
    if (url !== undefined) expect(attempt.url, 'which URL').toBe(url);
    const waited = attempt.at - idleSince;
    expect(waited, 'how long it waited').toBeGreaterThanOrEqual(least);
    expect(waited, 'how long it waited').toBeLessThanOrEqual(most);
    idleSince = clock.now();
    if (key !== undefined && attempt.over !== 'websocket') expect(attempt.key(), 'key').toBe(key);
    return attempt;
  }

  async function take(attempt: Try, wanted: Accept): Promise<void> {
    current = attempt;
    held = attempt.over === 'polling' ? attempt : null;
    const wish = await inTime(attempt.accept({ bare: wanted.bare === true }), 'the client does not ask');
    if (wanted.key !== undefined) expect(attempt.key(), 'key').toBe(wanted.key);
    expect(wishOf(wish, attempt.over), 'what is asked for').toMatchObject(
      wishedFor(wanted, attempt.over, world),
    );
  }

  async function isLost(): Promise<void> {
    idleSince = clock.now();
    if (over !== 'polling' && subject.hasOneTransport())
      await soon(() => expect(subject.client().status().connected, 'connected after the end').toBe(false));
    await settle();
  }

  return {
    settle,
    describe: () => {
      const { told, reasons, errors, logged } = subject;
      const passed = clock.now() - idleSince;
      return JSON.stringify(
        { told, reasons, errors, logged, passed, status: subject.client().status() },
        null,
        1,
      );
    },
    accept: async (wanted: Accept): Promise<void> => take(await nextTry(wanted), wanted),
    async trial({ over: by, within }: NonNullable<Step['try']>): Promise<void> {
      const attempt = await nextTry({ over: by, between: [0, within] });
      attempt.cut();
      await settle();
    },
    async fall(by: Transport): Promise<void> {
      for (;;) {
        await passUntil(
          () => server.tries.length > 0,
          LONGEST_WAIT_MS,
          () => `the client does not come by ${by}`,
        );
        const attempt = server.tries.shift();
        if (attempt?.over === by) return take(attempt, {});
        attempt?.cut();
        await inTime(subject.tryEnded(), 'the client does not notice the end');
        idleSince = clock.now();
      }
    },
    async refuse({ as, answer, close, cut = false, silent = false, key, ...wanted }: Refusal): Promise<void> {
      const attempt = await nextTry(wanted);
      const before = subject.errors.length;
      if (as !== undefined) await inTime(attempt.refuse(REFUSALS[as]), 'the client does not ask');
      if (close !== undefined)
        await inTime(
          attempt.refuse({ status: 503, code: 'OVERLOADED', closeCode: close }),
          'the client does not ask',
        );
      if (answer !== undefined) attempt.answer(answer);
      if (cut) attempt.cut();
      current = attempt;
      if (key !== undefined) expect(attempt.key(), 'key').toBe(key);
      let isOver = false;
      void subject.tryEnded().then(() => (isOver = true));
      const isNoticed = () => isOver || subject.errors.length > before;
      if (!silent) await soon(() => expect(isNoticed(), 'the client has noticed the refusal').toBe(true));
      await isLost();
    },
    async tell(say: (attempt: Try) => void | Promise<void>): Promise<void> {
      if ((current?.over ?? over) === 'polling') {
        current = held ?? (await nextTry({ over: current?.over ?? over }));
        held = null;
      }
      if (current === null) throw new Error('there is no connection to tell this');
      await say(current);
      idleSince = clock.now();
    },
    async pass(ms: number): Promise<void> {
      // What was told before has come.
      await new Promise((resolve) => setTimeout(resolve, ARRIVAL_MS));
      const until = clock.now() + ms;
      for (let due = 0; due < until;) {
        due = Math.min(clock.nextDue() ?? until, until);
        clock.advanceTo(due);
        await settle();
        if (over === 'polling') for (const poll of server.tries.splice(0)) poll.tell([], playing.state.now());
        await settle();
      }
    },
    async ready({ source, rejects, timeoutMs }: NonNullable<Step['ready']>): Promise<void> {
      const outcome =
        timeoutMs === undefined ? subject.ready() : readinessOf(subject.client().ready({ timeoutMs }));
      await settle();
      if (timeoutMs !== undefined) clock.advanceTo(clock.now() + timeoutMs);
      expect(await inTime(outcome, 'ready() does not settle')).toEqual({
        ...(source === undefined ? {} : { source }),
        ...(rejects === undefined ? {} : { code: rejects }),
      });
    },
    async applied({ cursor: place, within = 1_100 }: NonNullable<Step['applied']>): Promise<void> {
      const { instance } = subject.client().status();
      const isSaid = () =>
        server.applied.some((said) => said.cursor === world.cursor(place) && said.instance === instance);
      idleSince = clock.now();
      await passUntil(isSaid, within, () => `not said: ${JSON.stringify(server.applied)}`);
    },
    async end({ close, cut, mute, gone }: Step): Promise<void> {
      const attempt = held ?? current;
      if (mute === true) return attempt?.mute();
      if (gone === true) {
        let isGone = false;
        attempt?.drain();
        // For what came it gives up at once, for what does not come when its time is over.
        await soon(() => expect(isGone).toBe(true), AT_ONCE_MS).catch(() => undefined);
        void attempt?.gone.then(() => (isGone = true));
        await passUntil(
          () => isGone,
          LONGEST_WAIT_MS,
          () => 'the client keeps the connection',
        );
        return isLost();
      }
      if (over === 'polling' && held === null) return undefined;
      held = null;
      if (close !== undefined) attempt?.close(close);
      if (cut === true) attempt?.cut();
      return isLost();
    },
  };
}

function wishOf({ ifNoneMatch, minCursor, after, instance, ...same }: Wish, over: Transport): object {
  const both = { ...same, prompts: same.prompts?.toSorted() ?? null };
  return over === 'polling' ? { ...both, ifNoneMatch, minCursor } : { ...both, after, instance };
}

/** Of what a transport cannot say nothing is demanded. */
function wishedFor(
  { after, prompts, channel, instance, ifNoneMatch, minCursor }: Accept,
  over: Transport,
  world: World,
): object {
  const cursorOf = (place: string | number | null | undefined) =>
    place === undefined || place === null ? place : world.cursor(place);
  const etag = ifNoneMatch?.replaceAll(/<(\d+)>/g, (_, place: string) => world.cursor(place)) ?? ifNoneMatch;
  const own =
    over === 'polling'
      ? { ifNoneMatch: etag, minCursor: cursorOf(minCursor) }
      : { after: cursorOf(after), instance };
  return Object.fromEntries(
    Object.entries({ prompts: prompts?.toSorted() ?? prompts, channel, ...own }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function soon(check: () => void, timeout = PATIENCE_MS): Promise<void> {
  await vi.waitFor(check, { timeout, interval: 1 });
}

async function inTime<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
