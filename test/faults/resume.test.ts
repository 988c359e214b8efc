import { shortForm } from './short-form.ts';

shortForm('who moves to a node that lags never goes back in time', { row: 8, faults: 10 });
shortForm('cursors from elsewhere are answered, never with silence', { row: 9, faults: 1 });
shortForm('at the edge of the replay window: a snapshot, or everything', { row: 10, faults: 2 });
shortForm('a database that is taken back is noticed by everybody', { row: 12, faults: 2 });
