import { createHash } from 'node:crypto';
import type pg from 'pg';
import { hashedText } from '../../src/domain/event.ts';

export interface EventRow extends pg.QueryResultRow {
  readonly workspace_id: string;
  readonly seq: string;
  readonly commit_seq: string;
  readonly type: string;
  readonly actor_kind: string;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly at_micros: string;
  readonly prompt_id: string | null;
  readonly promotion_id: string | null;
  readonly payload: string;
  readonly source_address: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly hash_version: number;
  readonly prev_hash: Buffer;
  readonly hash: Buffer;
}

/** The numbers of the events that are not what they must be, recomputed here from the workspace's id on. */
export function chainFaults(workspaceId: string, log: readonly EventRow[]): string[] {
  const faults: string[] = [];
  let prev = sha256(workspaceId);
  for (const [index, row] of log.entries()) {
    const hash = sha256(prev, hashedText(fieldsOf(row)));
    const holds = row.seq === String(index + 1) && row.prev_hash.equals(prev) && row.hash.equals(hash);
    if (!holds) faults.push(row.seq);
    prev = row.hash;
  }
  return faults;
}

function fieldsOf(row: EventRow) {
  return {
    hashVersion: row.hash_version,
    workspaceId: row.workspace_id,
    seq: BigInt(row.seq),
    commitSeq: BigInt(row.commit_seq),
    type: row.type,
    actorKind: row.actor_kind,
    actorId: row.actor_id,
    actorName: row.actor_name,
    atMicros: BigInt(row.at_micros),
    promptId: row.prompt_id,
    promotionId: row.promotion_id,
    payload: row.payload,
    sourceAddress: row.source_address,
    userAgent: row.user_agent,
    requestId: row.request_id,
  };
}

function sha256(...parts: readonly (string | Buffer)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
