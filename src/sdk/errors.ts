/** Everything that the SDK throws or reports. `code` is stable, the message is for people. */
export class PromptForgeError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The server says that the channel serves no such prompt. */
export class PromptNotServed extends PromptForgeError {
  readonly slug: string;

  constructor(slug: string, channel: string) {
    super(
      'PROMPT_NOT_SERVED',
      `"${channel}" serves no "${slug}": promote a version of it, or check "prompts"`,
    );
    this.slug = slug;
  }
}

/** Nothing is known yet: neither the server nor a file has said what is served. */
export class NoContactYet extends PromptForgeError {
  constructor(message: string, options?: ErrorOptions) {
    super('NO_CONTACT_YET', message, options);
  }
}

/** Values do not fit the variables of the prompt; all faults at once. */
export class VariablesInvalid extends PromptForgeError {
  readonly slug: string;
  readonly missing: readonly string[];
  readonly unknown: readonly string[];
  readonly invalid: readonly string[];

  constructor(
    slug: string,
    faults: {
      readonly missing: readonly string[];
      readonly unknown: readonly string[];
      readonly invalid: readonly string[];
    },
  ) {
    const told = Object.entries(faults).flatMap(([fault, names]) =>
      Array.isArray(names) && names.length > 0 ? [`${fault} ${names.join(', ')}`] : [],
    );
    super('VARIABLES_INVALID', `values for "${slug}": ${told.join('; ')}`);
    this.slug = slug;
    this.missing = faults.missing;
    this.unknown = faults.unknown;
    this.invalid = faults.invalid;
  }
}

/** `render` was asked for a CHAT prompt, or `messages` for a TEXT one. */
export class WrongKind extends PromptForgeError {
  readonly slug: string;

  constructor(slug: string, kind: 'TEXT' | 'CHAT') {
    const [call, other] = kind === 'TEXT' ? ['render', 'messages'] : ['messages', 'render'];
    super('WRONG_KIND', `"${slug}" is a ${kind} prompt: ask ${call}(), not ${other}()`);
    this.slug = slug;
  }
}

/** The server has not proved for longer than `maxStaleMs` that what is known is current. */
export class TooStale extends PromptForgeError {
  readonly freshAt: Date | null;

  constructor(maxStaleMs: number, freshAt: Date | null) {
    const since = freshAt === null ? 'never' : `last at ${freshAt.toISOString()}`;
    super('TOO_STALE', `confirmed by the server ${since}, longer ago than maxStaleMs (${maxStaleMs})`);
    this.freshAt = freshAt;
  }
}

/** The server refused the credential, and nothing is known. */
export class Unauthorised extends PromptForgeError {
  constructor(message: string, options?: ErrorOptions) {
    super('UNAUTHORISED', message, options);
  }
}

/** The client was closed. */
export class Closed extends PromptForgeError {
  constructor() {
    super('CLOSED', 'this client was closed');
  }
}

/** `fetch` says "fetch failed" and keeps the reason in `cause`. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const code = 'code' in cause && typeof cause.code === 'string' ? `${cause.code} ` : '';
  return `${error.message}: ${code}${cause.message}`;
}
