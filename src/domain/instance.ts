import { InvalidInput } from './errors.ts';

const INSTANCE = /^[A-Za-z0-9._:-]{1,64}$/;

/** The name that a process gives itself, to say what it has applied. @throws InvalidInput */
export function requireInstance(value: unknown): string {
  if (typeof value === 'string' && INSTANCE.test(value)) return value;
  throw new InvalidInput('instance', 'is 1 to 64 of A-Z, a-z, 0-9, ".", "_", ":" and "-"');
}

/** As requireInstance, for who may leave it out. */
export function optionalInstance(value: string | null | undefined): string | null {
  return value === null || value === undefined ? null : requireInstance(value);
}
