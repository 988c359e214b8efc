import { canonicalJson, sha256 } from './canonical.ts';
import { messageOf } from './errors.ts';
import {
  asDelivered,
  contentHashOf,
  parseFields,
  parseList,
  parseServed,
  parseText,
} from './served-prompt.ts';
import type { ServedPrompt } from './types.ts';

const FORMAT = 'promptforge-snapshot';
const FORMAT_VERSION = 1;

/** What a channel served at one moment, as it is kept: disk cache and bootstrap file are one format. */
export interface Bundle {
  readonly format: string;
  readonly formatVersion: number;
  readonly channel: string;
  /** What was followed; null: everything that the key may read. */
  readonly prompts: readonly string[] | null;
  /** Where to go on from. */
  readonly cursor: string | null;
  /** When the server last confirmed it; ISO 8601. */
  readonly savedAt: string;
  readonly entries: readonly BundleEntry[];
}

export interface BundleEntry {
  /** "sha256:<hex>" of the RFC 8785 form of `served`. */
  readonly checksum: string;
  /** As delivery answers it. */
  readonly served: unknown;
}

export interface Topic {
  readonly channel: string;
  readonly prompts: readonly string[] | null;
}

export interface Snapshot extends Topic {
  readonly cursor: string | null;
  readonly savedAt: Date;
  readonly served: readonly ServedPrompt[];
}

/** What could be read of a file. */
export interface ReadSnapshot {
  /** Null when an entry was left out: what is missing would never come again. */
  readonly cursor: string | null;
  readonly savedAt: Date;
  readonly served: readonly ServedPrompt[];
  /** Nothing was left out: what is not there was not served. */
  readonly isComplete: boolean;
}

/** A prompt never changes once it is served: what was counted once is right for every file that it comes into. */
const entries = new WeakMap<ServedPrompt, Promise<BundleEntry>>();

/** The text of a file. Equal snapshots make equal texts. */
export async function writeSnapshotFile({
  channel,
  prompts,
  cursor,
  savedAt,
  served,
}: Snapshot): Promise<string> {
  const sorted = served.toSorted((a, b) => (a.slug < b.slug ? -1 : 1));
  const bundle: Bundle = {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    channel,
    prompts,
    cursor,
    savedAt: savedAt.toISOString(),
    entries: await Promise.all(sorted.map(entryOf)),
  };
  return `${JSON.stringify(bundle)}\n`;
}

/**
 * Reads a file, as text or as what its JSON says. An entry that is damaged is left out, a file that is damaged or of something else is not used;
 * `warn` hears of both.
 */
export async function readSnapshotFile(
  file: unknown,
  topic: Topic,
  warn: (message: string) => void,
): Promise<ReadSnapshot | null> {
  try {
    const bundle = parseBundle(typeof file === 'string' ? (JSON.parse(file) as unknown) : file);
    requireTopic(bundle, topic);
    const read = await Promise.all(
      bundle.entries.map((entry) => readEntry(entry, topic.channel).catch(messageOf)),
    );
    for (const entry of read) if (typeof entry === 'string') warn(`an entry is left out: ${entry}`);
    const served = read.filter((entry) => typeof entry !== 'string');
    const isComplete = served.length === read.length;
    return {
      cursor: isComplete ? bundle.cursor : null,
      savedAt: new Date(bundle.savedAt),
      served,
      isComplete,
    };
  } catch (error) {
    warn(`it is not used: ${messageOf(error)}`);
    return null;
  }
}

/** Patterns in any order are the same. */
export function normalisePrompts(prompts: readonly string[] | null | undefined): readonly string[] | null {
  return prompts === null || prompts === undefined ? null : [...new Set(prompts)].toSorted();
}

function entryOf(served: ServedPrompt): Promise<BundleEntry> {
  const known = entries.get(served);
  if (known !== undefined) return known;
  const delivered = asDelivered(served);
  const entry = sha256(canonicalJson(delivered)).then((checksum) => ({ checksum, served: delivered }));
  entries.set(served, entry);
  return entry;
}

async function readEntry(entry: unknown, channel: string): Promise<ServedPrompt> {
  const fields = parseFields(entry, 'an entry');
  const prompt = parseServed(fields['served']);
  if (fields['checksum'] !== (await sha256(canonicalJson(fields['served']))))
    throw new Error(`the checksum of "${prompt.slug}" does not fit`);
  if (prompt.contentHash !== (await contentHashOf(prompt)))
    throw new Error(`the contentHash of "${prompt.slug}" does not fit`);
  if (prompt.channel !== channel) throw new Error(`"${prompt.slug}" is of channel "${prompt.channel}"`);
  return prompt;
}

function parseBundle(value: unknown): Bundle {
  const fields = parseFields(value, 'the file');
  const { format, formatVersion, cursor, prompts } = fields;
  if (format !== FORMAT) throw new Error(`its "format" is not "${FORMAT}"`);
  if (formatVersion !== FORMAT_VERSION)
    throw new Error(`its "formatVersion" is ${String(formatVersion)}, not ${FORMAT_VERSION}`);
  const savedAt = parseText(fields, 'savedAt');
  if (Number.isNaN(Date.parse(savedAt))) throw new Error(`its "savedAt" is no time: ${savedAt.slice(0, 40)}`);
  return {
    format,
    formatVersion,
    channel: parseText(fields, 'channel'),
    prompts: Array.isArray(prompts) ? prompts.map(String) : null,
    cursor: typeof cursor === 'string' ? cursor : null,
    savedAt,
    entries: parseList(fields, 'entries') as readonly BundleEntry[],
  };
}

function requireTopic({ channel, prompts }: Bundle, topic: Topic): void {
  if (channel !== topic.channel) throw new Error(`it is of channel "${channel}", not "${topic.channel}"`);
  const [theirs, ours] = [prompts, topic.prompts].map((list) => JSON.stringify(normalisePrompts(list)));
  if (theirs !== ours) throw new Error(`it is of the prompts ${theirs}, not ${ours}`);
}
