/** The head of a workspace's log at a moment: what a signature vouches for. */
export interface CheckpointFacts {
  readonly workspaceId: string;
  readonly seq: bigint;
  readonly hash: Uint8Array;
  readonly at: Date;
}

export interface SignedCheckpoint extends CheckpointFacts {
  readonly keyId: string;
  /** Ed25519. */
  readonly signature: Uint8Array;
}

/** Whoever holds the private key. */
export interface CheckpointSigner {
  readonly keyId: string;
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicKey: string;
  sign(text: string): Uint8Array;
}

/** What is signed: one line a fact, each ended by a line feed. */
function checkpointText({ workspaceId, seq, hash, at }: CheckpointFacts, keyId: string): string {
  const facts = [workspaceId, String(seq), Buffer.from(hash).toString('hex'), at.toISOString(), keyId];
  return ['promptforge audit checkpoint 1', ...facts].map((line) => `${line}\n`).join('');
}

export function signCheckpoint(signer: CheckpointSigner, facts: CheckpointFacts): SignedCheckpoint {
  const { keyId } = signer;
  return { ...facts, keyId, signature: signer.sign(checkpointText(facts, keyId)) };
}

/** As it stands in files and is sent: what `audit verify --checkpoints` reads. */
export function checkpointLine({ workspaceId, seq, hash, at, keyId, signature }: SignedCheckpoint): string {
  return JSON.stringify({
    v: 1,
    workspaceId,
    seq: Number(seq),
    hash: Buffer.from(hash).toString('hex'),
    at: at.toISOString(),
    keyId,
    signature: Buffer.from(signature).toString('base64'),
  });
}
