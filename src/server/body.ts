import type { IncomingMessage } from 'node:http';
import { badRequest, payloadTooLarge, ProblemError } from './problem.ts';

/**
 * Hands over the whole body in the turn in which its end comes. Nothing is handed over when its client has left: nobody waits for an answer.
 * @throws ProblemError 413. @param failed what went wrong later, with a body whose length is not declared
 */
export function onBody(
  req: IncomingMessage,
  bytesMax: number,
  take: (body: Buffer) => void,
  failed: (error: unknown) => void,
): void {
  const declared = req.headers['content-length'];
  if (declared === undefined) {
    countBody(req, bytesMax).then(take, failed);
    return;
  }
  if (Number(declared) > bytesMax) throw new ProblemError(payloadTooLarge(bytesMax));
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => take(oneOf(chunks)));
}

/**
 * Reads the whole body. Where its length is declared HTTP itself holds it to that; otherwise bytes are counted as they come.
 * @throws ProblemError 413; whatever the socket fails with.
 */
export function readBody(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const declared = req.headers['content-length'];
  if (declared === undefined) return countBody(req, bytesMax);
  if (Number(declared) > bytesMax) return Promise.reject(new ProblemError(payloadTooLarge(bytesMax)));
  return takeBody(req);
}

function takeBody(req: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const gone = () => {
      // Every request closes in the end; an error that nobody needs costs its stack.
      if (!req.readableEnded) reject(new Error('the request ended before its body'));
    };
    // Its client left while its credential was checked: no event will tell.
    if (req.destroyed) return gone();
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => resolve(oneOf(chunks)));
    req.on('error', reject);
    req.on('close', gone);
  });
}

function oneOf(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
}

async function countBody(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
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
