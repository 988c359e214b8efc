import { pino } from 'pino';
import type { Logger } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;

/**
 * Logs go to standard error: standard output carries what a person or a script was promised there (ready line, first key).
 * Levels by who must act: error = a person now, warn = look later, info = lifecycle, debug = one line a request.
 */
export function createLog(options: { readonly level: string; readonly format: 'pretty' | 'json' }): Log {
  const settings = { level: options.level, redact: ['req.headers.authorization', 'authorization', 'key'] };
  if (options.format === 'json') return pino(settings, pino.destination(2));
  return pino(
    settings,
    pretty({ destination: 2, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', sync: true }),
  );
}
