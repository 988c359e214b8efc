import { isDeepStrictEqual } from 'node:util';
import type { HashedFields } from './hashed-text.ts';

/** An event as the API shows it. */
export interface AuditEvent {
  readonly seq: number;
  readonly commitSeq: number;
  readonly type: string;
  readonly actor: { readonly kind: string; readonly name: string; readonly id?: string | undefined };
  readonly at: string;
  readonly payload: unknown;
  readonly sourceAddress: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  /** 64 lower-case hexadecimal digits. */
  readonly hash: string;
  readonly prevHash: string;
  readonly hashedText: string;
  /** Global ids. */
  readonly prompt: { readonly id: string } | null;
  readonly promotion: { readonly id: string } | null;
}

/** The fields that the API shows otherwise than they were hashed; `seq` is looked at by the chain. */
export function disagreements(fields: HashedFields, event: AuditEvent): string[] {
  const agree: Readonly<Record<string, boolean>> = {
    commitSeq: fields.commitSeq === String(event.commitSeq),
    type: fields.type === event.type,
    'actor.kind': fields.actorKind === event.actor.kind,
    'actor.id': event.actor.id === undefined || fields.actorId === event.actor.id,
    'actor.name': fields.actorName === event.actor.name,
    at: isSameTime(fields.atMicros, event.at),
    prompt: isSameNode('Prompt', fields.promptId, event.prompt),
    promotion: isSameNode('Promotion', fields.promotionId, event.promotion),
    payload: isSameJson(fields.payload, event.payload),
    sourceAddress: fields.sourceAddress === event.sourceAddress,
    userAgent: fields.userAgent === event.userAgent,
    requestId: fields.requestId === event.requestId,
  };
  return Object.keys(agree).filter((name) => agree[name] === false);
}

/** The inner id of a Relay global id; null when it is one of another type. */
export function innerId(typename: string, globalId: string): string | null {
  const text = Buffer.from(globalId, 'base64').toString('utf8');
  return text.startsWith(`${typename}:`) ? text.slice(typename.length + 1) : null;
}

/** The API shows milliseconds of what was hashed in microseconds. */
function isSameTime(atMicros: string | null, at: string): boolean {
  return atMicros !== null && Math.floor(Number(atMicros) / 1000) === Date.parse(at);
}

function isSameNode(typename: string, id: string | null, node: { readonly id: string } | null): boolean {
  return (node === null ? null : innerId(typename, node.id)) === id;
}

function isSameJson(text: string | null, value: unknown): boolean {
  if (text === null) return false;
  try {
    return isDeepStrictEqual(JSON.parse(text), value);
  } catch {
    return false;
  }
}

export function globalIdOf(typename: string, id: string): string {
  return Buffer.from(`${typename}:${id}`, 'utf8').toString('base64');
}
