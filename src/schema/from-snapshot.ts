import type { ServedVersion } from '../db/serving.ts';
import type { Selector } from '../delivery/held-versions.ts';
import type { MoveFrame } from '../realtime/frames.ts';

// What may be answered from the node's memory of what channels serve, and how it is read there. A field that bears no mark is the
// database's; so is everything that is not found here: absence, refusals and faults are never answered from memory.

/** What the marks read from, within one operation. */
export interface SnapshotReads {
  /** A prompt of which a version has to be read, or it is not known to be there. */
  prompt(slug: string): PromptInMemory;
  /** @throws NotInSnapshot when there is no such version, the actor may not read it, or it is not in memory yet */
  version(prompt: PromptInMemory, selector: Selector): ServedVersion;
}

/** What is known of a prompt is known from one of its versions. */
export interface PromptInMemory {
  readonly slug: string;
  known: ServedVersion | null;
}

/** A promotion as subscribers are told of it, with the version that it put on its channel. */
export interface PromotedInMemory {
  readonly frame: MoveFrame;
  readonly served: ServedVersion;
}

/** The database is to answer instead. */
export class NotInSnapshot extends Error {}

export type SnapshotRead<Parent, Args> = (parent: Parent, args: Args, reads: SnapshotReads) => unknown;

const MARK = 'snapshot';

/**
 * The mark: the `extensions` of a field whose value a served version holds. Only for what is open to whoever may read the version, and
 * cannot change without an event that replaces the version in memory.
 */
export function fromSnapshot<Parent, Args = object>(read: SnapshotRead<Parent, Args>) {
  return { [MARK]: read };
}

/** How a marked field is read; undefined: it is not marked. */
export function snapshotReadOf({
  extensions,
}: {
  readonly extensions: Readonly<Record<string, unknown>>;
}): SnapshotRead<unknown, object> | undefined {
  return extensions[MARK] as SnapshotRead<unknown, object> | undefined;
}

/** What the event itself says. @throws NotInSnapshot after a rename */
export function factsOf({ frame: { facts } }: PromotedInMemory): NonNullable<MoveFrame['facts']> {
  if (facts === null) throw new NotInSnapshot();
  return facts;
}

/** What was served before is known by its number alone; null: nothing was. @throws NotInSnapshot */
export function previousOf(promoted: PromotedInMemory): Partial<ServedVersion> | null {
  const { previousVersion } = factsOf(promoted);
  return previousVersion === null ? null : { version: previousVersion };
}

/** A prompt's own fields are read after its versions, whatever their order in the answer. @throws NotInSnapshot */
export function knownOf({ known }: PromptInMemory): ServedVersion {
  if (known === null) throw new NotInSnapshot();
  return known;
}
