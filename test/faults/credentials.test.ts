import { shortForm } from './short-form.ts';

shortForm('the streams of a revoked key end on every node, also while none can listen', {
  row: 43,
  faults: 60,
});
