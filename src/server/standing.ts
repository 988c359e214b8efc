import { LRUCache } from 'lru-cache';
import { accessKey, canSomewhere } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { readsSomething } from '../domain/actor-reading.ts';

const KNOWN_MAX = 10_000;
const WRITER_BYTES_MAX = 8 * 1024 * 1024;
const READER_BYTES_MAX = 64 * 1024;

/** What each request of an actor is held to. */
export interface Standing {
  /** A short name for what the actor may do and see: two of one name get the same answers. Names are never given twice. */
  readonly accessId: string;
  /** What its requests are counted as. */
  readonly meter: string;
  readonly readsSomething: boolean;
  /** How large a body it may send: only those who may write have a reason for large ones. */
  readonly bodyBytesMax: number;
}

const accessIds = new LRUCache<string, string>({ max: KNOWN_MAX });
const standings = new WeakMap<Actor, Standing>();
let given = 0;

/** Found out once: a credential whose grants change is another actor, and what was answered under its old access is not found any more. */
export function standingOf(actor: Actor): Standing {
  const known = standings.get(actor);
  if (known !== undefined) return known;
  const standing = {
    accessId: accessIdOf(accessKey(actor)),
    meter: `${actor.workspaceId} ${actor.id} `,
    readsSomething: readsSomething(actor),
    bodyBytesMax: canSomewhere(actor, 'prompts:write') ? WRITER_BYTES_MAX : READER_BYTES_MAX,
  };
  standings.set(actor, standing);
  return standing;
}

function accessIdOf(key: string): string {
  const known = accessIds.get(key);
  if (known !== undefined) return known;
  given += 1;
  const id = given.toString(36);
  accessIds.set(key, id);
  return id;
}
