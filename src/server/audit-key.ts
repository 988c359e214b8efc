import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CheckpointSigner } from '../domain/checkpoint.ts';
import { ConfigInvalid } from './config.ts';

const KEY_ID_LENGTH = 16;
const KEY_FILE = 'audit-signing-key.pem';
const WANTED =
  'AUDIT_SIGNING_KEY must be the path of an Ed25519 key as PKCS#8 PEM, or the PEM itself, for example the output of: openssl genpkey -algorithm ed25519';

/** @throws ConfigInvalid when there is no such key; what it holds is never repeated. */
export async function loadSigner(keyOrPath: string): Promise<CheckpointSigner> {
  const pem = isPem(keyOrPath) ? keyOrPath : await readKey(keyOrPath);
  return signerOf(parseKey(pem.replaceAll('\\n', '\n')));
}

/** The key of a data directory, made there at the first start, for its owner's eyes only. */
export async function ownSigner(directory: string): Promise<CheckpointSigner> {
  const path = join(directory, KEY_FILE);
  await mkdir(directory, { recursive: true });
  const { privateKey } = generateKeyPairSync('ed25519');
  const draft = `${path}.${randomUUID()}`;
  // Written whole before it has its name: whoever starts beside this takes all of it or nothing.
  await writeFile(draft, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft, { force: true });
  return signerOf(parseKey(await readFile(path, 'utf8')));
}

function signerOf(privateKey: KeyObject): CheckpointSigner {
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return {
    keyId: createHash('sha256').update(der).digest('hex').slice(0, KEY_ID_LENGTH),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey),
  };
}

function isPem(text: string): boolean {
  return text.startsWith('-----BEGIN');
}

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error ? String(Reflect.get(error, 'code')) : 'unknown';
    throw new ConfigInvalid([`${WANTED} (the file cannot be read: ${code})`]);
  }
}

function parseKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // What OpenSSL says of it may repeat a part of it.
  }
  throw new ConfigInvalid([`${WANTED} (it is another kind of key, or none)`]);
}
