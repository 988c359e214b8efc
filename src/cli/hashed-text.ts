/** The fields that an event's hash covers, in their order, the last three since version 2. Each stands as `<bytes>:<text>,`, an absent one as `-,`. */
const FIELDS = [
  'hashVersion',
  'workspaceId',
  'seq',
  'commitSeq',
  'type',
  'actorKind',
  'actorId',
  'actorName',
  'atMicros',
  'promptId',
  'promotionId',
  'payload',
  'sourceAddress',
  'userAgent',
  'requestId',
] as const;
const FIELDS_OF_VERSION_1 = 12;

const COMMA = 0x2c;

export type HashedFields = Readonly<Record<(typeof FIELDS)[number], string | null>>;

/** Takes a hashed text apart; null when it is not written like one, to the last byte. */
export function parseHashedText(text: string): HashedFields | null {
  const bytes = Buffer.from(text, 'utf8');
  const values: [string, string | null][] = [];
  let offset = 0;
  for (const [index, name] of FIELDS.entries()) {
    if (index >= FIELDS_OF_VERSION_1 && values[0]?.[1] === '1') {
      values.push([name, null]);
      continue;
    }
    const field = fieldAt(bytes, offset);
    if (field === null) return null;
    values.push([name, field.value]);
    offset = field.end;
  }
  return offset === bytes.length ? (Object.fromEntries(values) as HashedFields) : null;
}

function fieldAt(bytes: Buffer, offset: number): { value: string | null; end: number } | null {
  const [head = '', length] =
    /^(?:-|(0|[1-9]\d{0,9}):)/.exec(bytes.toString('latin1', offset, offset + 12)) ?? [];
  if (head === '') return null;
  const start = offset + head.length;
  const end = start + Number(length ?? 0);
  if (bytes[end] !== COMMA) return null;
  return { value: length === undefined ? null : bytes.toString('utf8', start, end), end: end + 1 };
}
