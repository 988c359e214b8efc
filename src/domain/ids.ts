/** Makes a UUIDv7. Handed in, never imported by a rule, so that tests can decide what comes next. */
export type NewId = () => string;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID as PostgreSQL prints it; anything else must not reach a uuid column. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
