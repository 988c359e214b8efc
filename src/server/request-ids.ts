import { randomBytes } from 'node:crypto';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** What a process counts in, of 16 bytes: the first four. */
const COUNT_MAX = 2 ** 32;

/**
 * Names of requests, in the form of a random UUID. All but a count is random once for each process: a name is unique, as logs need it, and
 * no secret: two of them tell how many requests this node took between them. Made of parts that exist, it costs a hot read next to nothing.
 */
export function createRequestIds(): () => string {
  let rest = randomRest();
  let count = randomBytes(4).readUInt32BE();
  let first = firstOf(count);

  return () => {
    count += 1;
    if (count === COUNT_MAX) {
      count = 0;
      rest = randomRest();
    }
    const last = count & 0xff;
    if (last === 0) first = firstOf(count);
    return `${first}${HEX[last]}${rest}`;
  };
}

/** Three of the four bytes. */
function firstOf(count: number): string {
  return (count >>> 8).toString(16).padStart(6, '0');
}

function randomRest(): string {
  const bytes = randomBytes(12);
  // Version 4, variant 1.
  bytes[2] = 0x40 | ((bytes[2] ?? 0) & 0x0f);
  bytes[4] = 0x80 | ((bytes[4] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return `-${hex.slice(0, 4)}-${hex.slice(4, 8)}-${hex.slice(8, 12)}-${hex.slice(12)}`;
}
