import { Prisma } from './generated/prisma/client.ts';

/** A list for a JSON column whose NULL means: not limited. */
export function jsonOrNull(list: readonly string[] | null) {
  return list === null ? Prisma.DbNull : [...list];
}
