import type { IncomingMessage } from 'node:http';
import { canSomewhere } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { badRequest, payloadTooLarge, ProblemError } from './problem.ts';

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

/** @throws ProblemError 400, with an example of what would be right */
export function parseJsonObject(body: Buffer, example: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Invalid UTF-8 and invalid JSON are told together below.
  }
  throw new ProblemError(badRequest(`the body must be a JSON object in UTF-8, such as ${example}`));
}
