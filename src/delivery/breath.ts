import { setImmediate as turn } from 'node:timers/promises';

/** Others wait at most about this long for their turn. */
const TURN_MS = 3;

/** For long work on the event loop: lets others have their turn when it has lasted long enough. */
export function createBreath(): () => Promise<void> {
  let beganMs = performance.now();
  return async () => {
    if (performance.now() - beganMs < TURN_MS) return;
    await turn();
    beganMs = performance.now();
  };
}
