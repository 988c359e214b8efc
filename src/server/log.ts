import { pino } from 'pino';
import type { Logger } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;

/** Keys as we make them, and tokens of people, wherever a client may have put one: into a path, a name, a text that is quoted. */
const CREDENTIALS = /pf_live_[\w-]{8,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;
const HIDDEN = '[redacted]';

/**
 * Logs go to standard error: standard output carries what a person or a script was promised there (ready line, first key).
 * Levels by who must act: error = a person now, warn = look later, info = lifecycle, debug = one line a request.
 * No line holds a key; `secrets`: what else none may hold.
 */
export function createLog(options: {
  readonly level: string;
  readonly format: 'pretty' | 'json';
  readonly secrets: readonly string[];
}): Log {
  const secrets = options.secrets.flatMap(formsOf);
  const hooks = { streamWrite: (line: string) => withoutSecrets(line, secrets) };
  const redact = ['req.headers.authorization', 'authorization', 'key'];
  const settings = { level: options.level, redact, hooks };
  if (options.format === 'json') return pino(settings, pino.destination(2));
  return pino(
    settings,
    pretty({ destination: 2, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', sync: true }),
  );
}

/** As a secret may stand in a line of JSON: as it is, escaped, in an address. */
function formsOf(secret: string): string[] {
  return [...new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])];
}

function withoutSecrets(line: string, secrets: readonly string[]): string {
  let shown = line.replaceAll(CREDENTIALS, HIDDEN);
  for (const secret of secrets) shown = shown.replaceAll(secret, HIDDEN);
  return shown;
}
