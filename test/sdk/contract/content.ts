import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { effectiveVariables } from '../../../src/domain/template.ts';
import type { TemplateSource, Variable } from '../../../src/domain/template.ts';
import type { Case, Content, Place, SavedFile } from './format.ts';

/** What delivery answers for a version; the contents of cases go beyond the types on purpose. */
export interface Delivered extends Content {
  readonly slug: string;
  readonly version: number;
  readonly contentHash: string;
}

export interface World {
  readonly deliver: (item: string) => Delivered;
  readonly file: (file: string | SavedFile) => string;
  readonly cursor: (place: Place) => string;
  /** What was told to be served last, by slug: a promotion says what was there before. */
  readonly served: Map<string, number>;
}

/** base64url of 1, the number, and eight bytes that stand for the history: what the server gives out looks the same. */
function cursorOf(place: Place): string {
  const [, history = '', seq] = /^(?:(\w+):)?(\d+)$/.exec(String(place)) ?? [];
  if (seq === undefined) return String(place);
  const bytes = Buffer.alloc(17);
  bytes.writeUInt8(1, 0);
  bytes.writeBigUInt64BE(BigInt(seq), 1);
  createHash('sha256').update(`${history}:${seq}`).digest().copy(bytes, 9, 0, 8);
  return bytes.toString('base64url');
}

export function splitItem(item: string): { readonly slug: string; readonly version: number | null } {
  const at = item.lastIndexOf('@');
  const version = item.slice(at + 1);
  return { slug: item.slice(0, at), version: version === '-' ? null : Number(version) };
}

export function worldOf({ prompts = {}, client = {} }: Case): World {
  const channel = client.channel ?? 'stable';
  const deliver = (item: string): Delivered => {
    const { slug, version } = splitItem(item);
    if (version === null) throw new Error(`${item} is no version`);
    const said = prompts[item] ?? {};
    const kind = 'messages' in said ? 'CHAT' : 'TEXT';
    const text = kind === 'TEXT' ? { template: `${slug}, version ${version}, for {{name}}` } : {};
    const all: Content = { kind, ...text, config: null, ...said };
    const { declared = [], ...rest } = all;
    const source = rest as unknown as TemplateSource;
    const own = declared as readonly Variable[];
    const names = new Set(own.map(({ name }) => name));
    const variables = effectiveVariables(source, own).map((variable) => ({
      ...variable,
      declared: names.has(variable.name),
    }));
    const contentHash = hashOf({ ...rest, variables: own });
    const promotedAt = '2026-11-24T10:00:00.000Z';
    return { slug, version, channel, variables, contentHash, promotedAt, ...rest };
  };
  const file = (saved: string | SavedFile) =>
    typeof saved === 'string'
      ? saved
      : JSON.stringify(savedFile(saved, deliver, client.prompts ?? null, channel));
  return { deliver, file, cursor: cursorOf, served: new Map() };
}

/** As docs/http.md says: config, kind, template or messages, and the declared variables. */
function hashOf({ config, kind, template, messages, variables }: Content): string {
  const text = kind === 'TEXT' ? { template } : { messages };
  return sha256({ config, kind, ...text, variables });
}

function sha256(value: unknown): string {
  return `sha256:${createHash('sha256')
    .update(canonicalize(value) ?? '')
    .digest('hex')}`;
}

function savedFile(
  saved: SavedFile,
  deliver: (item: string) => Delivered,
  prompts: readonly string[] | null,
  channel: string,
): object {
  const entries = saved.entries.map((item) => {
    const served = deliver(item);
    return { checksum: sha256(served), served, ...saved.entriesWith?.[served.slug] };
  });
  return {
    format: 'promptforge-snapshot',
    formatVersion: 1,
    channel: saved.channel ?? channel,
    prompts: saved.prompts === undefined ? prompts : saved.prompts,
    cursor: cursorOf(saved.cursor ?? 1),
    savedAt: '2026-11-24T10:00:00.000Z',
    entries,
    ...saved.with,
  };
}
