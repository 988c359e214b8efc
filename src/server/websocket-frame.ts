import { LRUCache } from 'lru-cache';
import type { Form } from '../realtime/payload.ts';

const FIN_TEXT = 0x81;
const SHORT_MAX = 125;
const MEDIUM_MAX = 65_535;
/** Clients that number their operations share these frames; one that makes up ids gets frames of its own. */
const SHARED_ID_LENGTH_MAX = 8;
const SHARED_IDS_MAX = 1_000;
const SUFFIX = Buffer.from('}');

const sharedForms = new LRUCache<string, Form>({ max: SHARED_IDS_MAX });

/** How a payload is written to one operation of one WebSocket: header, graphql-transport-ws `next` message, all in one buffer. */
export function frameForm(operationId: string): Form {
  if (operationId.length > SHARED_ID_LENGTH_MAX) return formOf(operationId, false);
  const known = sharedForms.get(operationId);
  if (known !== undefined) return known;
  const form = formOf(operationId, true);
  sharedForms.set(operationId, form);
  return form;
}

function formOf(operationId: string, isShared: boolean): Form {
  const prefix = Buffer.from(`{"id":${JSON.stringify(operationId)},"type":"next","payload":`);
  return { isShared, wrap: (bytes) => textFrame([prefix, bytes, SUFFIX]) };
}

/** One unfragmented, unmasked text frame, as a server sends it (RFC 6455, 5.2). */
function textFrame(parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([frameHeader(length), ...parts]);
}

function frameHeader(length: number): Buffer {
  if (length <= SHORT_MAX) return Buffer.from([FIN_TEXT, length]);
  if (length <= MEDIUM_MAX) {
    const header = Buffer.from([FIN_TEXT, 126, 0, 0]);
    header.writeUInt16BE(length, 2);
    return header;
  }
  const header = Buffer.alloc(10);
  header.set([FIN_TEXT, 127]);
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}
