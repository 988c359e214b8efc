import { missing } from './programs.ts';
import { shortForm } from './short-form.ts';

shortForm('the database stops: reads go on, subscribers stay, and everything arrives afterwards', {
  row: 20,
  faults: 4,
});
shortForm('a standby refuses writes in few words, until it is promoted', { row: 19, faults: 5 });
shortForm('behind a transaction pooler promotions arrive by polling', {
  row: 18,
  faults: 4,
  missing: missing('pgbouncer'),
});
shortForm('nodes whose clocks are two hours apart serve the same feed', {
  row: 29,
  faults: 10,
  missing: missing('faketime'),
});
