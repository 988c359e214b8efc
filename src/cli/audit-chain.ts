import { createHash } from 'node:crypto';
import { disagreements } from './audit-fields.ts';
import type { AuditEvent } from './audit-fields.ts';
import { parseHashedText } from './hashed-text.ts';

export interface AuditFault {
  readonly seq: number;
  readonly kind: 'EDITED' | 'MISSING' | 'INSERTED_OR_REORDERED' | 'CHECKPOINT' | 'POINTER';
  readonly message: string;
}

/** What is expected of a log, from outside of it. */
export interface ChainExpectation {
  /** Where the chain is anchored. */
  readonly workspaceId: string;
  /** The oldest event that is looked at; 1 is the whole log. */
  readonly fromSeq: number;
  /** Events that were there before, as earlier verifications reported them or a key signed them. */
  readonly checkpoints: Checkpoints;
}

/** By their sequence; two of one sequence disagree when history was written anew between them. */
export type Checkpoints = ReadonlyMap<number, readonly string[]>;

export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** How far the walk is: from the newest event down. Of a size that does not depend on the log. */
export interface ChainWalk {
  readonly expectation: ChainExpectation;
  readonly verified: number;
  readonly head: ChainEnd | null;
  readonly last: { readonly seq: number; readonly prevHash: string } | null;
}

interface Step {
  readonly walk: ChainWalk;
  readonly faults: readonly AuditFault[];
}

export function startChain(expectation: ChainExpectation): ChainWalk {
  return { expectation, verified: 0, head: null, last: null };
}

/** Looks at the next older event. */
export function checkNext(walk: ChainWalk, event: AuditEvent): Step {
  const { seq, hash, prevHash } = event;
  const next = {
    ...walk,
    verified: walk.verified + 1,
    head: walk.head ?? { seq, hash },
    last: { seq, prevHash },
  };
  return { walk: next, faults: [...linkFaults(walk, event), ...ownFaults(walk.expectation, event)] };
}

/** Looks at where the walk ended. */
export function finishChain({ expectation, head, last }: ChainWalk): readonly AuditFault[] {
  if (last === null || head === null) return [oldestMissing(expectation)];
  const { fromSeq, checkpoints } = expectation;
  const faults: AuditFault[] = [];
  if (last.seq > fromSeq) faults.push(gap(fromSeq, last.seq - 1, 'the oldest events are gone'));
  faults.push(...anchorOf(expectation, last));
  return [...faults, ...beyondHead(checkpoints, head.seq)];
}

export function oldestMissing({ fromSeq }: ChainExpectation): AuditFault {
  return missing(
    fromSeq,
    `there are no events from ${fromSeq} on: a workspace has at least those of its creation`,
  );
}

/** What the newest of the checkpoints, or the server, knows and the log does not hold. */
export function beyondHead(checkpoints: Checkpoints, lastSeq: number, toldHead = 0): AuditFault[] {
  let newest = 0;
  for (const seq of checkpoints.keys()) newest = Math.max(newest, seq);
  if (Math.max(newest, toldHead) <= lastSeq) return [];
  return newest >= toldHead
    ? [gap(lastSeq + 1, newest, 'the newest events are gone: the checkpoint knows them')]
    : [gap(lastSeq + 1, toldHead, 'the newest events are gone: the server has counted them')];
}

/** The first event of all is chained to the id of its workspace. */
export function anchorOf(
  { workspaceId }: ChainExpectation,
  { seq, prevHash }: { readonly seq: number; readonly prevHash: string },
): AuditFault[] {
  if (seq !== 1 || prevHash === sha256(Buffer.from(workspaceId, 'utf8'))) return [];
  return [edited(1, 'the chain does not begin with the id of this workspace')];
}

function linkFaults({ last }: ChainWalk, { seq, hash }: AuditEvent): AuditFault[] {
  if (last === null) return [];
  if (seq >= last.seq) {
    return [reordered(seq, `it stands where event ${last.seq - 1} belongs`)];
  }
  if (seq < last.seq - 1) return [gap(seq + 1, last.seq - 1, `event ${last.seq} follows event ${seq}`)];
  if (hash === last.prevHash) return [];
  return [
    reordered(
      seq,
      `event ${last.seq} was chained to another one: this one was put in its place, or edited with its hash`,
    ),
  ];
}

/** What is wrong with an event by itself. */
export function ownFaults({ workspaceId, checkpoints }: ChainExpectation, event: AuditEvent): AuditFault[] {
  const { seq, hash, prevHash, hashedText } = event;
  const faults: AuditFault[] = [];
  if (hash !== sha256(Buffer.from(prevHash, 'hex'), Buffer.from(hashedText, 'utf8'))) {
    faults.push(edited(seq, 'its hash is not that of its text and of the hash before it'));
  }
  if (checkpoints.get(seq)?.some((known) => known !== hash) === true) {
    faults.push(edited(seq, 'its hash is not that of the checkpoint: history was written anew'));
  }
  const fields = parseHashedText(hashedText);
  if (fields === null) return [...faults, edited(seq, 'its hashed text is not written like one')];
  if (fields.hashVersion !== '1' && fields.hashVersion !== '2') {
    return [...faults, edited(seq, `its hash has version ${fields.hashVersion}, this command knows 1 and 2`)];
  }
  if (fields.seq !== String(seq)) faults.push(reordered(seq, `it was written as event ${fields.seq}`));
  if (fields.workspaceId !== workspaceId) faults.push(reordered(seq, 'it was written in another workspace'));
  const wrong = disagreements(fields, event);
  if (wrong.length > 0) faults.push(edited(seq, `${wrong.join(', ')}: not what was hashed`));
  return faults;
}

function edited(seq: number, message: string): AuditFault {
  return { seq, kind: 'EDITED', message };
}

export function reordered(seq: number, message: string): AuditFault {
  return { seq, kind: 'INSERTED_OR_REORDERED', message };
}

function missing(seq: number, message: string): AuditFault {
  return { seq, kind: 'MISSING', message };
}

export function gap(first: number, last: number, because: string): AuditFault {
  const which = first === last ? `event ${first} is` : `events ${first} to ${last} are`;
  return missing(first, `${which} missing: ${because}`);
}

function sha256(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
