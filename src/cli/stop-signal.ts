import { constants } from 'node:os';

/** That SIGTERM or SIGINT came: as a promise of which, and as an AbortSignal for what is under way. */
export interface StopSignal {
  readonly requested: Promise<NodeJS.Signals>;
  readonly signal: AbortSignal;
}

/**
 * The first of the two signals stops in order; a second one ends the process at once. Imports nothing of ours, so that it can
 * be called before the server is loaded: until then a signal would end the process with 143, which is no order.
 */
export function listenForStop(): StopSignal {
  const controller = new AbortController();
  const requested = new Promise<NodeJS.Signals>((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
      controller.abort();
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  return { requested, signal: controller.signal };
}
