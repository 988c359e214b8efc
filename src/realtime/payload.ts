import type { Frame } from './frames.ts';

/** Forms that are kept of one payload: clients that number their operations share a few; who makes up ids has frames of its own. */
export const FORMS_MAX = 4;

/** A frame as a group's members get it: rendered once, written many times. */
export class Payload {
  readonly frame: Frame;
  readonly bytes: Buffer;
  readonly #wrapped = new Map<string, Buffer>();

  constructor(frame: Frame, bytes: Buffer) {
    this.frame = frame;
    this.bytes = bytes;
  }

  /** What a transport makes of the bytes, made once for each of its forms. */
  wrapped(form: string, wrap: (bytes: Buffer) => Buffer): Buffer {
    const known = this.#wrapped.get(form);
    if (known !== undefined) return known;
    const made = wrap(this.bytes);
    if (this.#wrapped.size < FORMS_MAX) this.#wrapped.set(form, made);
    return made;
  }
}
