/** What the command tells the shell. Scripts depend on these numbers: they are added to, never changed. */
export const EXIT_CODE = {
  DONE: 0,
  FAULTS: 1,
  USAGE: 2,
  UNREACHABLE: 3,
  UNAUTHORISED: 4,
  REFUSED: 5,
  INTERNAL: 70,
  CONFIG: 78,
} as const;

export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];

const MEANINGS: Readonly<Record<keyof typeof EXIT_CODE, string>> = {
  DONE: 'done',
  FAULTS:
    'finished, but lines or files were refused, the verification failed, diff found a difference, codegen --check something stale, or doctor a fault; or serve, migrate, keys, backup or restore could not do it',
  USAGE: 'wrong usage: an option, an argument, or a file that cannot be read',
  UNREACHABLE: 'the server cannot be reached or is not available',
  UNAUTHORISED: 'not authorised: the API key is missing, wrong, or may not do this',
  REFUSED: 'refused by the server',
  INTERNAL: 'internal error of the command',
  CONFIG: 'serve, migrate, keys, backup, restore: the configuration is wrong',
};

/** Every code with what it means. */
export function exitCodeMeanings(): [code: number, meaning: string][] {
  return Object.entries(EXIT_CODE).map(([name, code]) => [code, MEANINGS[name as keyof typeof EXIT_CODE]]);
}

/** The table as `--help` prints it. */
export function exitCodeHelp(): string {
  const rows = exitCodeMeanings().map(([code, meaning]) => `  ${String(code).padEnd(3)} ${meaning}`);
  return `\nExit codes:\n${rows.join('\n')}`;
}
