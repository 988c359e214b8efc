import { InvalidArgumentError, Option } from 'commander';

/** `--channel`, `stable` unless another is named. */
export function channelOption(what: string): Option {
  return new Option('--channel <name>', what).default('stable');
}

/** `--limit`: a number, or all. */
export function limitOption(what: string, byDefault: number): Option {
  const shown = byDefault === Infinity ? 'all' : String(byDefault);
  return new Option('--limit <n|all>', what).argParser(parseLimit).default(byDefault, shown);
}

/** What the server waits at most in one request. */
const WAIT_MAX_MS = 15_000;

/** `--wait`: how long the answer may take until subscribers run what was moved. In milliseconds. */
export function waitOption(): Option {
  return new Option(
    '--wait <time>',
    'wait until all subscribers run it, at most so long, such as 5s (1 when some do not)',
  ).argParser(parseWait);
}

/** The number of a version. */
export function parseVersion(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write the number of a version: 1, 2, 3 ...');
}

function parseLimit(text: string): number {
  if (text === 'all') return Infinity;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write how many, 1 or more, or "all".');
}

function parseWait(text: string): number {
  const [, count, unit] = /^(\d{1,6})(ms|s)$/.exec(text) ?? [];
  const ms = Number(count) * (unit === 's' ? 1_000 : 1);
  if (ms >= 1 && ms <= WAIT_MAX_MS) return ms;
  throw new InvalidArgumentError('Write a time of at most 15 s, such as 5s or 500ms.');
}
