import type { IncomingMessage } from 'node:http';
import { canSomewhere } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { payloadTooLarge, ProblemError } from './problem.ts';

const WRITER_BYTES_MAX = 8 * 1024 * 1024;
const READER_BYTES_MAX = 64 * 1024;

/** How large a body the actor may send: only those who may write have a reason for large ones. */
export function bodyBytesMax(actor: Actor): number {
  return canSomewhere(actor, 'prompts:write') ? WRITER_BYTES_MAX : READER_BYTES_MAX;
}

/**
 * Reads the whole body, counting bytes as they come: a declared length is not trusted, an undeclared one not needed.
 * @throws ProblemError 413; whatever the socket fails with.
 */
export async function readBody(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > bytesMax)
    throw new ProblemError(payloadTooLarge(bytesMax));
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new ProblemError(payloadTooLarge(bytesMax));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
