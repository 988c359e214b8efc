import { Unavailable } from '../domain/errors.ts';

// No class begins with E: that is how the system's own codes begin, and EPIPE has five letters as well.
const SQLSTATE = /^(?!E)[0-9A-Z]{5}$/;
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const UNREACHABLE_PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028']);
const UNREACHABLE_TEXT =
  /connection terminated|query read timeout|timeout exceeded when trying to connect|can't reach database|server has closed the connection|not queryable|terminating connection|starting up|shutting down/i;

/**
 * The SQLSTATE behind an error, whatever wrapped it: pg puts it in `code`, Prisma's adapter in `cause.originalCode`, Prisma's client in
 * `meta.driverAdapterError.cause`; an error at COMMIT arrives as the adapter's bare error.
 */
export function sqlState(error: unknown, depth = 0): string | null {
  if (depth > 5 || typeof error !== 'object' || error === null) return null;
  for (const key of ['originalCode', 'code'] as const) {
    const value: unknown = Reflect.get(error, key);
    if (typeof value === 'string' && SQLSTATE.test(value) && !/^P\d{4}$/.test(value)) return value;
  }
  for (const key of ['cause', 'meta', 'driverAdapterError'] as const) {
    const state = sqlState(Reflect.get(error, key), depth + 1);
    if (state !== null) return state;
  }
  return null;
}

/** Deadlock and serialisation failures: nothing was changed, the same transaction may simply run again. */
export function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40P01' || state === '40001' || prismaCode(error) === 'P2034';
}

export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505' || prismaCode(error) === 'P2002';
}

/** Whether the database could not be reached, gave up, was full or read-only: an operator's matter, not the caller's input. */
export function isUnavailable(error: unknown, depth = 0): boolean {
  if (depth > 5 || typeof error !== 'object' || error === null) return false;
  if (error instanceof Unavailable) return true;
  const state = sqlState(error);
  if (state !== null) return /^(08|53|57|58|XX)/.test(state) || ['25006', '25P03', '55P03'].includes(state);
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string' && (UNREACHABLE_CODES.has(code) || UNREACHABLE_PRISMA_CODES.has(code)))
    return true;
  const message: unknown = Reflect.get(error, 'message');
  if (typeof message === 'string' && UNREACHABLE_TEXT.test(message)) return true;
  const kind: unknown = Reflect.get(error, 'kind');
  if (kind === 'DatabaseNotReachable' || kind === 'ConnectionClosed' || kind === 'SocketTimeout') return true;
  return ['cause', 'meta', 'driverAdapterError'].some((key) =>
    isUnavailable(Reflect.get(error, key), depth + 1),
  );
}

function prismaCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
}
