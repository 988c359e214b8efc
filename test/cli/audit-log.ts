import { createHash } from 'node:crypto';
import type { AuditEvent } from '../../src/cli/audit-fields.ts';
import { hashedText } from '../../src/domain/event.ts';

export const WORKSPACE = '01939c1e-7a6b-7000-8000-000000000001';
const PROMPT = '01939c1e-7a6b-7000-8000-0000000000aa';
export const PROMOTION = '01939c1e-7a6b-7000-8000-0000000000bb';
const BASE_MICROS = 1_764_000_000_123_456n;

export function nodeId(typename: string, id: string): string {
  return Buffer.from(`${typename}:${id}`).toString('base64');
}

/** A log as the database's trigger writes it, newest first as the API shows it. */
export function auditLog(length: number, workspaceId = WORKSPACE): AuditEvent[] {
  const events: AuditEvent[] = [];
  let prevHash = createHash('sha256').update(workspaceId).digest('hex');
  for (let seq = 1; seq <= length; seq += 1) {
    const event = chained({ seq, prevHash, workspaceId });
    events.unshift(event);
    prevHash = event.hash;
  }
  return events;
}

const CAME_FROM = { sourceAddress: '192.0.2.7', userAgent: 'curl/8, "quoted"', requestId: null };

/** An event whose hash is right for its text and for what is before it. */
export function chained(facts: {
  seq: number;
  prevHash: string;
  workspaceId?: string;
  slug?: string;
}): AuditEvent {
  const { seq, prevHash, workspaceId = WORKSPACE, slug = `a/${seq}` } = facts;
  const atMicros = BASE_MICROS + BigInt(seq) * 1_000_001n;
  const promoted = seq % 2 === 0;
  const payload = { slug, note: 'Grüße, {1:x}\n', version: seq };
  const text = hashedText({
    hashVersion: 2,
    workspaceId,
    seq: BigInt(seq),
    commitSeq: BigInt(seq),
    type: promoted ? 'VersionPromoted' : 'ApiKeyCreated',
    actorKind: 'USER',
    actorId: 'u-1',
    actorName: 'Ann, "the" Öwner',
    atMicros,
    promptId: promoted ? PROMPT : null,
    promotionId: promoted ? PROMOTION : null,
    payload: JSON.stringify(payload),
    ...CAME_FROM,
  });
  return {
    seq,
    commitSeq: seq,
    type: promoted ? 'VersionPromoted' : 'ApiKeyCreated',
    actor: { kind: 'USER', name: 'Ann, "the" Öwner' },
    at: new Date(Number(atMicros / 1000n)).toISOString(),
    payload,
    ...CAME_FROM,
    hash: chainHash(prevHash, text),
    prevHash,
    hashedText: text,
    prompt: promoted ? { id: nodeId('Prompt', PROMPT) } : null,
    promotion: promoted ? { id: nodeId('Promotion', PROMOTION) } : null,
  };
}

export function chainHash(prevHash: string, text: string): string {
  return createHash('sha256').update(Buffer.from(prevHash, 'hex')).update(text, 'utf8').digest('hex');
}
