import { missing } from './programs.ts';
import { shortForm } from './short-form.ts';

shortForm('all clients of a node that was killed are back, with everything', {
  row: 16,
  faults: 60,
  most: { connections: 12 + 10 + 3 + 1 },
});
shortForm('what the listening connection does not tell is polled', { row: 17, faults: 1 });
shortForm('a frozen node is left, and does no harm when it wakes up', { row: 23, faults: 1 });
shortForm('nodes are restarted behind a balancer: no mutation fails, no event is missed', {
  row: 41,
  faults: 2,
  missing: missing('haproxy'),
});
