import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Held } from './gang.ts';
import type { Order } from './gang-process.ts';

type Wish = Pick<Order, 'url' | 'attack' | 'count' | 'perSecond'>;

/** Abusers in a process of their own. */
export interface Gang {
  /** Resolves when all are open; they stay until they are released. */
  hold(wish: Wish): Promise<void>;
  release(): Promise<Held>;
  /** How long each lived. */
  strike(wish: Wish, patienceMs: number): Promise<number[]>;
  stop(): void;
}

export function startGang(): Gang {
  const child = fork(join(import.meta.dirname, 'gang-process.ts'), { execArgv: ['--import', 'tsx'] });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let orders = 0;
  child.on('message', ({ id, result, error }: { id: number; result: never; error?: string }) => {
    if (error === undefined) waiting.get(id)?.resolve(result);
    else waiting.get(id)?.reject(new Error(error));
    waiting.delete(id);
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the abusers ended with ${code}`));
  });
  const order = <T>(wanted: Partial<Order> & Pick<Order, 'does'>) =>
    new Promise<T>((resolve, reject) => {
      orders += 1;
      waiting.set(orders, { resolve, reject });
      child.send({ id: orders, ...wanted });
    });
  return {
    hold: (wish) => order({ does: 'hold', ...wish }),
    release: () => order({ does: 'release' }),
    strike: (wish, patienceMs) => order({ does: 'strike', ...wish, patienceMs }),
    stop: () => void child.kill(),
  };
}
