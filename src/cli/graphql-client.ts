import { z } from 'zod';
import { CliError } from './cli-error.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { TryLater, withRetries } from './retry.ts';

const TIMEOUT_MS = 120_000;
const ANSWER_ERROR = z.object({
  message: z.string(),
  extensions: z.record(z.string(), z.unknown()).optional(),
});
type AnswerError = z.output<typeof ANSWER_ERROR>;
/** A request that is not executed is answered with errors alone. */
const ANSWER = z
  .object({ data: z.unknown().optional(), errors: z.array(ANSWER_ERROR).min(1).optional() })
  .refine(({ data, errors }) => data !== undefined || errors !== undefined);
const PROBLEM = z.object({ detail: z.string() });
const BUSY = [429, 502, 503, 504];
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND'];

/** Sends one operation and answers with its `data`, unchecked. */
export type Request = (document: string, variables: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** The connection broke after the request was under way: what became of it is not known. */
export class ConnectionLost extends CliError {}

/** The server executes the documents of its manifest only. It knows the credential: that is looked at first. */
export class DocumentNotTrusted extends CliError {}

/**
 * GraphQL over HTTP. Waits and repeats when the server is busy (429, 502, 503, 504), so send only what may be repeated.
 * @throws CliError that says what to do
 */
export function graphqlClient(connection: Connection): Request {
  return (query, variables) => withRetries(() => send(connection, JSON.stringify({ query, variables })));
}

async function send({ endpoint, apiKey }: Connection, body: string): Promise<unknown> {
  const response = await reach(endpoint, () =>
    fetch(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json;q=0.9',
        ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body,
      // Followed, a redirect would turn the POST into a GET or carry the key to another host.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }),
  );
  const text = await reach(endpoint, () => response.text());
  const failure = statusFailure(endpoint, response, { text, sentBytes: Buffer.byteLength(body), apiKey });
  if (failure !== null) throw failure;
  return parseAnswer(endpoint, response.status, text);
}

/** What a network error means to who runs the command. @throws CliError */
export async function reach<T>(endpoint: URL, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    const isKnown = NEVER_SENT.includes(networkCode(error)) || isTimeout(error);
    throw new (isKnown ? CliError : ConnectionLost)(
      EXIT_CODE.UNREACHABLE,
      `${endpoint.origin} ${networkProblem(error)}`,
    );
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}

function networkCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const cause = error.cause instanceof Error ? error.cause : error;
  return 'code' in cause ? String(cause.code) : cause.message;
}

function networkProblem(error: unknown): string {
  if (!(error instanceof Error)) return `cannot be reached: ${String(error)}`;
  if (isTimeout(error)) return `did not answer within ${TIMEOUT_MS / 1000} s`;
  const code = networkCode(error);
  if (code === 'ECONNREFUSED') {
    return 'refuses the connection: is the server running (`promptforge serve`), and is --url (or PROMPTFORGE_URL) right?';
  }
  if (code === 'ENOTFOUND') return 'has a host name that nobody knows: check --url (or PROMPTFORGE_URL)';
  return `cannot be reached (${code}): nothing is known of the last request, which is safe to repeat: run the command again`;
}

interface Exchange {
  readonly text: string;
  readonly sentBytes: number;
  readonly apiKey: string | null;
}

/** What the status alone decides; null: the answer is in the body. */
export function statusFailure(endpoint: URL, response: Response, exchange: Exchange): Error | null {
  const { status } = response;
  const detail = problemDetail(exchange.text);
  const because = detail === null ? '' : ` (${detail})`;
  if (status === 401) return new CliError(EXIT_CODE.UNAUTHORISED, keyAdvice(exchange.apiKey, because));
  if (status === 403)
    return (
      untrusted(exchange.text) ??
      new CliError(EXIT_CODE.UNAUTHORISED, `the API key may not do this${because}`)
    );
  if (status === 413) {
    return new CliError(
      EXIT_CODE.REFUSED,
      `the request of ${exchange.sentBytes} bytes is too large for the server${because}: a key that may only read sends at most 64 KiB, ` +
        'so use an admin key; a proxy in between must let 8 MiB pass',
    );
  }
  if (BUSY.includes(status)) {
    const exitCode = status === 429 ? EXIT_CODE.REFUSED : EXIT_CODE.UNREACHABLE;
    const error = new CliError(
      exitCode,
      `${endpoint.origin} is busy or not available: HTTP ${status}${because}`,
    );
    return new TryLater(error, retryAfterMs(response.headers.get('retry-after')));
  }
  if (status >= 300 && status < 400) {
    const target = response.headers.get('location') ?? 'another address';
    return new CliError(
      EXIT_CODE.REFUSED,
      `${endpoint.href} points to ${target}: set --url (or PROMPTFORGE_URL) to it`,
    );
  }
  return null;
}

/** Null: it is the key. */
function untrusted(text: string): DocumentNotTrusted | null {
  const [first] = ANSWER.safeParse(parseJson(text)).data?.errors ?? [];
  if (first?.extensions?.['code'] !== 'DOCUMENT_NOT_TRUSTED') return null;
  const { exitCode, message } = refusal(first);
  return new DocumentNotTrusted(exitCode, message);
}

function keyAdvice(apiKey: string | null, because: string): string {
  if (apiKey === null)
    return `the server wants to know who you are: set PROMPTFORGE_API_KEY to an API key${because}`;
  return `the server does not know this API key, or it was revoked: set PROMPTFORGE_API_KEY to a valid one${because}`;
}

function problemDetail(text: string): string | null {
  return PROBLEM.safeParse(parseJson(text)).data?.detail ?? null;
}

/** Retry-After as seconds or as a date (RFC 9110); null when it is neither. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

function parseAnswer(endpoint: URL, status: number, text: string): unknown {
  const answer = ANSWER.safeParse(parseJson(text));
  if (!answer.success) {
    const found = problemDetail(text) ?? `HTTP ${status} without a GraphQL answer`;
    throw new CliError(
      EXIT_CODE.REFUSED,
      `${endpoint.href} is no PromptForge server, or another version: ${found}`,
    );
  }
  const [first] = answer.data.errors ?? [];
  if (first === undefined) return answer.data.data;
  const error = refusal(first);
  throw first.extensions?.['code'] === 'UNAVAILABLE' ? new TryLater(error, null) : error;
}

/** In the server's own words. */
function refusal({ message, extensions }: AnswerError): CliError {
  const requestId = extensions?.['requestId'];
  const where = typeof requestId === 'string' ? ` (request ${requestId})` : '';
  return new CliError(exitCodeOf(extensions?.['code']), `the server refuses: ${message}${where}`);
}

/** The exit code for a code of the server's list of refusals. */
export function exitCodeOf(code: unknown): ExitCode {
  if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') return EXIT_CODE.UNAUTHORISED;
  return code === 'UNAVAILABLE' ? EXIT_CODE.UNREACHABLE : EXIT_CODE.REFUSED;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
