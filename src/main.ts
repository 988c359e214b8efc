import { listenForStop } from './cli/stop-signal.ts';
import { holdTickShape } from './cli/tick-shape.ts';

// The server takes a while to load, and a supervisor may change its mind before it has.
const stop = listenForStop();
holdTickShape();
const { serve } = await import('./cli/serve.ts');
await serve(stop);
