import type { Actor } from '../domain/actor.ts';
import type { RequestTopic, Topic } from '../domain/channel-topic.ts';
import type { Frame } from './frames.ts';

/** What is counted of whom a frame was written to. */
export interface Addressee {
  readonly workspaceId: string;
  readonly topic: Topic | RequestTopic;
  readonly actor: Actor;
}

/** Who wants to know of it. */
export interface Counting {
  /** A frame was written to so many followers of one actor. */
  pushed(frame: Frame, to: Addressee, times: number): void;
}

/** The members of one actor in a group, and how many of them were written to since it was told last. */
export interface Tally {
  readonly addressee: Addressee;
  members: number;
  times: number;
}

/** Counts writes by actor: ten thousand members of one key are one count. */
export class Tallies {
  readonly #ofActors = new Map<string, Tally>();
  #touched: Tally[] = [];

  join({ workspaceId, topic, actor }: Addressee): Tally {
    const tally = this.#ofActors.get(actor.id) ?? {
      addressee: { workspaceId, topic, actor },
      members: 0,
      times: 0,
    };
    this.#ofActors.set(actor.id, tally);
    tally.members += 1;
    return tally;
  }

  leave(tally: Tally): void {
    tally.members -= 1;
    if (tally.members === 0) this.#ofActors.delete(tally.addressee.actor.id);
  }

  add(tally: Tally): void {
    if (tally.times === 0) this.#touched.push(tally);
    tally.times += 1;
  }

  /** Tells what was counted, and begins anew. */
  tell(frames: readonly Frame[], counting: Counting): void {
    for (const tally of this.#touched) {
      for (const frame of frames) counting.pushed(frame, tally.addressee, tally.times);
      tally.times = 0;
    }
    this.#touched = [];
  }
}
