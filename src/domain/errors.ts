/**
 * An expected answer that is not the wished one: typed, shown to the client as it is, never logged as a fault.
 * Everything that is no Refusal is a surprise and is masked before it leaves the server.
 */
export abstract class Refusal extends Error {
  abstract readonly code: string;
}

export class NotFound extends Refusal {
  readonly code = 'NOT_FOUND';
}

const FIELD_SHOWN_MAX = 300;

export class InvalidInput extends Refusal {
  readonly code = 'INVALID_INPUT';
  /** Path of the input field that is wrong, such as `content.variables[2].default`. */
  readonly field: string;

  constructor(field: string, message: string) {
    // Parts of a path are the caller's own keys, of any length.
    const shown = field.length > FIELD_SHOWN_MAX ? `${field.slice(0, FIELD_SHOWN_MAX)}...` : field;
    super(`${shown}: ${message}`);
    this.field = shown;
  }
}

export class Forbidden extends Refusal {
  readonly code = 'FORBIDDEN';
}

/** The database cannot be reached or did not answer in time. With an idempotency key the same call is safe to repeat. */
export class Unavailable extends Refusal {
  readonly code = 'UNAVAILABLE';

  constructor(
    message = 'the database is not available: with an idempotency key the same call is safe to repeat',
  ) {
    super(message);
  }
}

export class IdempotencyConflict extends Refusal {
  readonly code = 'IDEMPOTENCY_CONFLICT';
}

/** The installation has no key for signing checkpoints of the audit trail. */
export class SigningNotConfigured extends Refusal {
  readonly code = 'SIGNING_NOT_CONFIGURED';

  constructor() {
    super('this installation signs no checkpoints: its operator sets AUDIT_SIGNING_KEY');
  }
}

export class BadCursor extends Refusal {
  readonly code = 'BAD_CURSOR';

  constructor(argument: string, origin = 'this connection') {
    super(`${argument}: not a cursor of ${origin}`);
  }
}
