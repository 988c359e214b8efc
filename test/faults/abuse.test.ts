import { shortForm } from './short-form.ts';

shortForm('slow heads, bodies and reads leave normal clients alone', { row: 50, faults: 2 });
shortForm('who abuses frames is closed, at the cost of no other', { row: 51, faults: 2 });
