import { shortForm } from './short-form.ts';

shortForm('clients that stop reading are cut, and nobody else is slowed', { row: 25, faults: 3 });
shortForm('a flood to subscribers that do not read ends no process', { row: 26, faults: 300 });
shortForm('connections that are dropped at any moment leave nothing behind', { row: 27, faults: 200 });
