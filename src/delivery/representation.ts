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
}

export function represent(source: ServedVersion): Served {
  const { content } = source;
  return {
    source,
    json: representation('application/json; charset=utf-8', JSON.stringify(deliveryAnswer(source))),
    text: content.kind === 'TEXT' ? representation('text/plain; charset=utf-8', content.template) : null,
  };
}

/** What it costs in memory, in bytes, roughly: both bodies and the objects around them. */
export function sizeOf({ json, text }: Served): number {
  return json.body.length * 2 + (text?.body.length ?? 0) + 1_024;
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
  const body = Buffer.from(text, 'utf8');
  return {
    contentType,
    body,
    etag: `"${createHash('sha256').update(contentType).update(body).digest('base64url').slice(0, 27)}"`,
  };
}
