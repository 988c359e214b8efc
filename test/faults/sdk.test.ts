import { shortForm } from './short-form.ts';

shortForm('what comes twice is told once', { row: 28, faults: 20 });
shortForm('content that was changed is never served', { row: 53, faults: 5 });
shortForm('a client starts without a server', { row: 54, faults: 2 });
shortForm('no call waits for the network', { row: 55, faults: 1 });
shortForm('a cache that is being written when the process dies is old or new', { row: 57, faults: 20 });
