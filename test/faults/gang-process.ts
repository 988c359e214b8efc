// Runs as a process of its own, so that a thousand abusers do not slow down the clients that are measured beside them. Orders come as messages.
import { FRAME_ATTACKS, frameAttack, halfOpenUpgrade, SLOW_ATTACKS, slowRead } from './abusers.ts';
import type { Attack } from './abusers.ts';
import { hold, strike } from './gang.ts';

export interface Order {
  readonly id: number;
  readonly does: 'hold' | 'release' | 'strike';
  readonly url: string;
  /** Of SLOW_ATTACKS or FRAME_ATTACKS, or one of the two that are named below. */
  readonly attack: string;
  readonly count: number;
  readonly perSecond: number;
  readonly patienceMs: number;
}

async function attackOf({ attack, url }: Order): Promise<Attack> {
  if (attack === 'slowRead') return slowRead(url);
  if (attack === 'halfOpenUpgrade') return halfOpenUpgrade;
  if (attack in SLOW_ATTACKS) return SLOW_ATTACKS[attack as keyof typeof SLOW_ATTACKS];
  return frameAttack(FRAME_ATTACKS[attack as keyof typeof FRAME_ATTACKS]);
}

let held: ReturnType<typeof hold> | null = null;

async function obey(order: Order): Promise<unknown> {
  if (order.does === 'release') return held?.release();
  const { url, count, perSecond } = order;
  const wave = { url, begin: [await attackOf(order)], count, perSecond };
  if (order.does === 'strike') return strike(wave, order.patienceMs);
  held = hold(wave);
  return held.full;
}

process.on('message', (order: Order) => {
  obey(order).then(
    (result) => process.send?.({ id: order.id, result }),
    (error: unknown) => process.send?.({ id: order.id, error: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
