import type { Payload } from '../realtime/payload.ts';

const FIN_TEXT = 0x81;
const SHORT_MAX = 125;
const MEDIUM_MAX = 65_535;
/** Clients that number their operations share these frames; one that makes up ids gets frames of its own. */
const SHARED_ID_LENGTH_MAX = 8;
const SUFFIX = Buffer.from('}');

/** How a payload is written to one operation of one WebSocket: header, graphql-transport-ws `next` message, all in one buffer. */
export type FrameWriter = (payload: Payload) => Buffer;

export function frameWriter(operationId: string): FrameWriter {
  const prefix = Buffer.from(`{"id":${JSON.stringify(operationId)},"type":"next","payload":`);
  if (operationId.length > SHARED_ID_LENGTH_MAX) return ({ bytes }) => textFrame([prefix, bytes, SUFFIX]);
  // Forms of other transports have names too: an operation may be called like one of them.
  const form = `next ${operationId}`;
  return (payload) => payload.wrapped(form, (bytes) => textFrame([prefix, bytes, SUFFIX]));
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
