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
