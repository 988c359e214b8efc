import { expect, vi } from 'vitest';
import { worldOf } from './content.ts';
import { startFakeServer } from './fake-server.ts';
import type { Case, Step, Transport } from './format.ts';
import { tellingsOf } from './frames.ts';
import { createPolledState } from './polled-state.ts';
import { look, toldOf } from './seen.ts';
import { createStage, PATIENCE_MS } from './stage.ts';
import type { Playing } from './stage.ts';
import { createSubject } from './subject.ts';
import { createVirtualClock } from './virtual-clock.ts';

const BEGAN = Date.parse('2026-11-24T12:00:00Z');

/** Plays one case over one transport, against a server on a real socket, in virtual time. @returns how many steps there were. @throws what is not as the case says */
export async function play(given: Case, over: Transport): Promise<number> {
  const clock = createVirtualClock(BEGAN, seededRandom(`${given.title}, ${over}`));
  const server = await startFakeServer(given.client?.urls ?? 1, () => clock.now());
  const world = worldOf(given);
  const subject = await createSubject({ client: given.client ?? {}, over, server, clock, file: world.file });
  const playing: Playing = {
    over,
    clock,
    server,
    subject,
    world,
    state: createPolledState(given.client?.channel ?? 'stable'),
  };
  const stage = createStage(playing);
  const steps = [...beginning(given), ...given.steps].filter((step) => step.over?.includes(over) ?? true);
  try {
    for (const [index, step] of steps.entries()) {
      await playStep(playing, stage, step).catch((error: unknown) => {
        const place = `step ${index + 1}, ${JSON.stringify(step)}`;
        throw new Error(`${place}: ${String(error)}\n${stage.describe()}`, { cause: error });
      });
    }
    await stage.settle();
    const isToldAsked = given.steps.some(({ see }) => see?.told !== undefined);
    expect(isToldAsked ? toldOf(subject) : [], 'told beyond what the case says').toEqual([]);
    expect(server.strange, 'requests that no client sends').toEqual([]);
    await subject.stop();
    expect(clock.pending(), 'timers after close()').toBe(0);
    return steps.length;
  } finally {
    await subject.stop();
    await server.close();
    await subject.clean();
  }
}

function beginning({ begin }: Case): readonly Step[] {
  if (begin === undefined) return [];
  return [
    { accept: {} },
    { tell: [{ snapshot: begin, at: 1 }] },
    { see: { told: [], cursor: 1, connected: true } },
  ];
}

async function playStep(playing: Playing, stage: ReturnType<typeof createStage>, step: Step): Promise<void> {
  const { subject, server, world, state } = playing;
  if (step.accept !== undefined) return stage.accept(step.accept);
  if (step.refuse !== undefined) return stage.refuse(step.refuse);
  if (step.fall !== undefined) return stage.fall(step.fall);
  if (step.try !== undefined) return stage.trial(step.try);
  if (step.tell !== undefined) {
    const told = tellingsOf(step.tell, world);
    for (const frame of told) state.take(frame);
    return stage.tell((attempt) => attempt.tell(told, state.now(step.headers)));
  }
  if (step.say !== undefined) {
    const { say, bytewise = false, binary = false } = step;
    return stage.tell((attempt) => attempt.say(filledIn(say, playing), { bytewise, binary }));
  }
  if (step.pass !== undefined) return stage.pass(step.pass);
  if (step.see !== undefined) {
    const { see } = step;
    await vi.waitFor(() => look(playing, see), { timeout: PATIENCE_MS, interval: 4 });
    if (see.told !== undefined) subject.told.splice(0);
    if (see.errors !== undefined) subject.errors.splice(0);
    subject.reasons.splice(0);
    return undefined;
  }
  if (step.ready !== undefined) return stage.ready(step.ready);
  if (step.applied !== undefined) return stage.applied(step.applied);
  if (step.appliedAnswers !== undefined) return void server.appliedAnswers.push(...step.appliedAnswers);
  if (step.restart !== undefined) return subject.restart();
  if (step.damage !== undefined) return subject.damage(step.damage);
  if (step.down !== undefined) return server.down(step.down);
  return stage.end(step);
}

/** `<3>` is a cursor, `<a@2>` what delivery answers for a version; `<id>` is the transport's to fill in. */
function filledIn(text: string, { world }: Playing): string {
  return text
    .replaceAll(/<((?:\w+:)?\d+)>/g, (_, place: string) => world.cursor(place))
    .replaceAll(/<([^<>@]+@\d+)>/g, (_, item: string) =>
      JSON.stringify({ ...world.deliver(item), more: false }),
    );
}

/** The same chances in every run of a case (FNV-1a, then mulberry32). */
function seededRandom(text: string): () => number {
  let state = Buffer.from(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
