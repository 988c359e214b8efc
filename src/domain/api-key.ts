import { createHash } from 'node:crypto';

/** For secret scanners: `pf_live_<id>_<256-bit secret><checksum>`, all in lower-case hexadecimal. */
export const API_KEY_PATTERN = /^pf_live_[0-9a-f]{12}_[0-9a-f]{72}$/;

const CHECKSUM_LENGTH = 8;

/** Writes a key out. The id part says which key it is, the checksum tells a mistyped key from an unknown one without a look-up. */
export function formatApiKey(id: string, secret: Uint8Array): string {
  const head = `pf_live_${id.slice(-12)}_${Buffer.from(secret).toString('hex')}`;
  return `${head}${checksum(head)}`;
}

/** Whether the text is a key as formatApiKey writes it, checksum included: anything else needs no look-up to be refused. */
export function isApiKey(text: string): boolean {
  return (
    API_KEY_PATTERN.test(text) && checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH)
  );
}

/** What is stored and looked up: the secret has 256 bits, so a plain hash is enough. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

function checksum(head: string): string {
  return createHash('sha256').update(head).digest('hex').slice(0, CHECKSUM_LENGTH);
}
