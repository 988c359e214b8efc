import { createHash } from 'node:crypto';
import { shownVariables } from '../domain/version-variables.ts';
import type { ServedVersion } from '../db/serving.ts';

/** One way to write a served version: its bytes and the strong ETag over them. */
export interface Representation {
  readonly contentType: string;
  readonly body: Buffer;
  readonly etag: string;
}

/** A served version, written once, answered many times. */
export interface Served {
  readonly source: ServedVersion;
  readonly json: Representation;
  /** The bare template of a TEXT prompt. */
  readonly text: Representation | null;
  /** Of this process: what takes its place in memory has another one, whatever it says. */
  readonly revision: number;
  /** What it costs in memory, about: the content as it was read, both bodies, and the objects around them. */
  readonly bytes: number;
}

/** The objects around the bytes: measured, with a margin. */
const ENTRY_BYTES = 2_304;
const PART_BYTES = 100;

let revisions = 0;

export function represent(source: ServedVersion): Served {
  const { content } = source;
  const json = JSON.stringify(deliveryAnswer(source));
  const served = {
    source,
    json: representation('application/json; charset=utf-8', json),
    text: content.kind === 'TEXT' ? representation('text/plain; charset=utf-8', content.template) : null,
  };
  revisions += 1;
  return { ...served, revision: revisions, bytes: bytesOf(served, json.length) };
}

/** One character beyond ASCII may make two bytes of every character of the text that it stands in. */
function bytesOf({ source, json, text }: Omit<Served, 'bytes' | 'revision'>, jsonLength: number): number {
  const { content } = source;
  const parts = content.variables.length + (content.kind === 'CHAT' ? content.messages.length : 0);
  const sourceBytes = json.body.length === jsonLength ? jsonLength : 2 * jsonLength;
  return ENTRY_BYTES + PART_BYTES * parts + sourceBytes + json.body.length + (text?.body.length ?? 0);
}

/** A served version as delivery answers it. */
export function deliveryAnswer({ slug, version, channel, content, contentHash, promotedAt }: ServedVersion) {
  const { kind, config } = content;
  const text = content.kind === 'TEXT' ? { template: content.template } : { messages: content.messages };
  return {
    slug,
    version,
    channel,
    kind,
    ...text,
    config,
    variables: shownVariables(content),
    contentHash,
    promotedAt,
  };
}

function representation(contentType: string, text: string): Representation {
  // Memory of its own: a piece of Node's shared slab would keep all of that, for as long as it is held.
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  body.write(text);
  return {
    contentType,
    body,
    etag: `"${createHash('sha256').update(contentType).update(body).digest('base64url').slice(0, 27)}"`,
  };
}
