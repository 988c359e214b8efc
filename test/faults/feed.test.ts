import { shortForm } from './short-form.ts';

shortForm('32 writers with rollbacks: every reader hears every commit, in order', { row: 5, faults: 160 });
shortForm('nobody skips what a slow transaction commits late', { row: 6, faults: 8 });
shortForm('clients that are cut at random miss nothing', { row: 7, faults: 30 });
shortForm('a batch is heard whole or not at all', { row: 11, faults: 12 });
