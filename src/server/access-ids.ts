import { LRUCache } from 'lru-cache';
import { accessKey } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';

const KNOWN_MAX = 10_000;

/** A short name for what an actor may do and see: two of one name get the same answers. Names are never given twice. */
export type AccessIdOf = (actor: Actor) => string;

/** A credential whose grants change is another actor, with another name; what was answered under the old one is not found any more. */
export function createAccessIds(): AccessIdOf {
  const byKey = new LRUCache<string, string>({ max: KNOWN_MAX });
  const byActor = new WeakMap<Actor, string>();
  let given = 0;

  function idOf(key: string): string {
    const known = byKey.get(key);
    if (known !== undefined) return known;
    given += 1;
    const id = given.toString(36);
    byKey.set(key, id);
    return id;
  }

  return (actor) => {
    const known = byActor.get(actor);
    if (known !== undefined) return known;
    const id = idOf(accessKey(actor));
    byActor.set(actor, id);
    return id;
  };
}
