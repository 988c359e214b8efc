import type { Frame } from './frames.ts';

/** Forms that are kept of one payload: clients that number their operations share a few; who makes up ids has frames of its own. */
export const FORMS_MAX = 4;

/** What a transport makes of a payload's bytes. All who want the same bytes must hold the same form: it is told by identity. */
export interface Form {
  /** Whether what it makes is kept for others of this form. */
  readonly isShared: boolean;
  readonly wrap: (bytes: Buffer) => Buffer;
}

/** A frame as a group's members get it: rendered once, written many times. */
export class Payload {
  readonly frame: Frame;
  readonly bytes: Buffer;
  readonly #forms: Form[] = [];
  readonly #wrapped: Buffer[] = [];

  constructor(frame: Frame, bytes: Buffer) {
    this.frame = frame;
    this.bytes = bytes;
  }

  /** In this form; a shared one is made once. */
  wrapped(form: Form): Buffer {
    if (!form.isShared) return form.wrap(this.bytes);
    const known = this.#wrapped[this.#forms.indexOf(form)];
    if (known !== undefined) return known;
    const made = form.wrap(this.bytes);
    if (this.#forms.length < FORMS_MAX) {
      this.#forms.push(form);
      this.#wrapped.push(made);
    }
    return made;
  }
}
