import { BadCursor } from './errors.ts';

const FORMAT = 1;
const BYTES = 17;
const HASH_PREFIX_BYTES = 8;

/** A place in a workspace's feed: a sequence, and the first 8 bytes of that event's hash, which tell its history from another. */
export interface FeedCursor {
  readonly seq: bigint;
  readonly hashPrefix: Uint8Array;
}

/** Opaque to clients: base64url of format version, sequence and hash prefix. */
export function encodeFeedCursor({ seq, hash }: { seq: bigint; hash: Uint8Array }): string {
  const bytes = Buffer.alloc(BYTES);
  bytes.writeUInt8(FORMAT, 0);
  bytes.writeBigUInt64BE(seq, 1);
  bytes.set(hash.subarray(0, HASH_PREFIX_BYTES), 9);
  return bytes.toString('base64url');
}

/** @throws BadCursor naming the argument that the text came in. */
export function decodeFeedCursor(argument: string, text: string): FeedCursor {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== BYTES || bytes[0] !== FORMAT || bytes.toString('base64url') !== text)
    throw new BadCursor(argument, 'the feed');
  return { seq: bytes.readBigUInt64BE(1), hashPrefix: bytes.subarray(9) };
}
