import type { ServerResponse } from 'node:http';

/** An RFC 9457 answer: `code` is from the same list as the graph's. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** Further members, such as what a client needs to go on. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A problem as an exception, for handlers that find it deep in their parsing. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export function sendProblem(res: ServerResponse, problem: Problem): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { headers, body } = problemAnswer(problem);
  res.writeHead(problem.status, headers);
  res.end(body);
}

/** The answer, for who writes it without a ServerResponse. */
export function problemAnswer({ status, code, title, detail, members, headers }: Problem): {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
} {
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code, ...members });
  return {
    headers: {
      'content-type': 'application/problem+json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...headers,
    },
    body,
  };
}

export function unauthenticated(): Problem {
  return {
    status: 401,
    code: 'UNAUTHENTICATED',
    title: 'Unauthorized',
    detail: 'send a valid API key or access token as "Authorization: Bearer <it>"',
    headers: { 'www-authenticate': 'Bearer realm="promptforge"' },
  };
}

export function forbidden(detail: string): Problem {
  return { status: 403, code: 'FORBIDDEN', title: 'Forbidden', detail };
}

export function unavailable(): Problem {
  return {
    status: 503,
    code: 'UNAVAILABLE',
    title: 'Service Unavailable',
    detail: 'the database is not available and the answer is not in memory: try again',
    headers: { 'retry-after': '1' },
  };
}

/** Of a key or an address: what it asks for is not looked at before its time. */
export function rateLimited(detail: string, retryAfterSeconds: number): Problem {
  return {
    status: 429,
    code: 'RATE_LIMITED',
    title: 'Too Many Requests',
    detail: `${detail}: try again in ${retryAfterSeconds} s`,
    headers: { 'retry-after': String(retryAfterSeconds) },
  };
}

/** Of this key. */
export function tooManyStreams(): Problem {
  return {
    status: 429,
    code: 'TOO_MANY_STREAMS',
    title: 'Too Many Requests',
    detail: 'this key has as many open streams as it may have',
    headers: { 'retry-after': '5' },
  };
}

/** No further stream is taken by this node. */
export function overloaded(): Problem {
  return {
    status: 503,
    code: 'OVERLOADED',
    title: 'Service Unavailable',
    detail: 'this node takes no further stream now: try again, or another node',
    headers: { 'retry-after': '5' },
  };
}

export function tooManyInstances(): Problem {
  return {
    status: 429,
    code: 'TOO_MANY_INSTANCES',
    title: 'Too Many Requests',
    detail: 'this credential names more instances than a node takes note of: name each process once',
    headers: { 'retry-after': '60' },
  };
}

export function notFound(detail: string): Problem {
  return { status: 404, code: 'NOT_FOUND', title: 'Not Found', detail };
}

export function badRequest(detail: string, members?: Readonly<Record<string, unknown>>): Problem {
  return {
    status: 400,
    code: 'INVALID_INPUT',
    title: 'Bad Request',
    detail,
    ...(members === undefined ? {} : { members }),
  };
}

export function notAcceptable(detail: string): Problem {
  return { status: 406, code: 'NOT_ACCEPTABLE', title: 'Not Acceptable', detail };
}

export function methodNotAllowed(allow: string): Problem {
  return {
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
    title: 'Method Not Allowed',
    detail: `use ${allow}`,
    headers: { allow },
  };
}

export function unsupportedMediaType(): Problem {
  return {
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
    title: 'Unsupported Media Type',
    detail: 'send the operation as JSON, with "Content-Type: application/json"',
    headers: { 'accept-post': 'application/json' },
  };
}

export function payloadTooLarge(bytesMax: number): Problem {
  return {
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    title: 'Content Too Large',
    detail: `a body of this credential has at most ${bytesMax} bytes`,
    headers: { connection: 'close' },
  };
}

/** A surprise; with the id of its request, where it has one, the log tells more. */
export function unexpected(members: { readonly requestId?: string } = {}): Problem {
  return {
    status: 500,
    code: 'INTERNAL_SERVER_ERROR',
    title: 'Internal Server Error',
    detail: 'unexpected error: the server log holds the details under this request id',
    members,
  };
}
