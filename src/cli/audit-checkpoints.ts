import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { AuditFault } from './audit-chain.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

const KEY_ID_LENGTH = 16;
const CHECKPOINT = z.object({
  v: z.literal(1),
  workspaceId: z.string(),
  seq: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
  keyId: z.string(),
  signature: z.string(),
});
type Checkpoint = z.output<typeof CHECKPOINT>;

/** Checkpoints as they stand in a file: not one of them is believed yet. */
export interface CheckpointFile {
  readonly lines: readonly { readonly number: number; readonly checkpoint: Checkpoint | null }[];
  readonly key: KeyObject;
  readonly keyId: string;
}

/** @throws CliError for usage when a file cannot be read, or holds no Ed25519 key. */
export async function readCheckpoints(path: string, keyPath: string): Promise<CheckpointFile> {
  const text = await readText(path);
  const key = parseKey(await readText(keyPath), keyPath);
  const der = key.export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(der).digest('hex').slice(0, KEY_ID_LENGTH);
  const lines = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const parsed = CHECKPOINT.safeParse(parseJson(line));
    return [{ number: index + 1, checkpoint: parsed.success ? parsed.data : null }];
  });
  return { lines, key, keyId };
}

export interface BelievedCheckpoints {
  readonly checkpoints: Map<number, string[]>;
  readonly faults: readonly AuditFault[];
}

/** Those of the workspace whose signature holds; what is wrong with the others. */
export function believe({ lines, key, keyId }: CheckpointFile, workspaceId: string): BelievedCheckpoints {
  const checkpoints = new Map<number, string[]>();
  const faults: AuditFault[] = [];
  for (const { number, checkpoint } of lines) {
    if (checkpoint === null) faults.push(fault(0, `line ${number} of the checkpoints is none`));
    else if (checkpoint.workspaceId === workspaceId) {
      const problem = problemOf(checkpoint, key, keyId);
      if (problem !== null)
        faults.push(fault(checkpoint.seq, `line ${number} of the checkpoints ${problem}`));
      else checkpoints.set(checkpoint.seq, [...(checkpoints.get(checkpoint.seq) ?? []), checkpoint.hash]);
    }
  }
  return { checkpoints, faults };
}

function problemOf(checkpoint: Checkpoint, key: KeyObject, keyId: string): string | null {
  if (checkpoint.keyId !== keyId) return `is signed with the key ${checkpoint.keyId}, not with ${keyId}`;
  const { workspaceId, seq, hash, at } = checkpoint;
  const facts = ['promptforge audit checkpoint 1', workspaceId, String(seq), hash, at, keyId];
  const text = facts.map((fact) => `${fact}\n`).join('');
  const isSigned = verify(null, Buffer.from(text, 'utf8'), key, Buffer.from(checkpoint.signature, 'base64'));
  return isSigned ? null : 'has a signature that is not of what it says';
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CliError(EXIT_CODE.USAGE, `${path} cannot be read: ${String(error)}`);
  }
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Told below.
  }
  throw new CliError(EXIT_CODE.USAGE, `${path} holds no Ed25519 public key (PEM)`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fault(seq: number, message: string): AuditFault {
  return { seq, kind: 'CHECKPOINT', message };
}
