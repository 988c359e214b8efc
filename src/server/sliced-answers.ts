import type { ServerResponse } from 'node:http';

const SLICE_BYTES = 64 * 1024;
const SLICES_A_TURN = 4;

/**
 * Writes large answers in slices, a few in a turn of the loop whoever they are for: the kernel takes megabytes of each at once from whoever does
 * not read, and a thousand of them in a row would hold up everybody else for seconds.
 */
export class SlicedAnswers {
  readonly #due: (() => void)[] = [];
  #isArranged = false;

  send(res: ServerResponse, body: Buffer): void {
    let at = 0;
    const next = () => {
      if (res.destroyed) return;
      const slice = body.subarray(at, at + SLICE_BYTES);
      at += slice.length;
      if (at >= body.length) res.end(slice);
      else if (res.write(slice)) this.#enqueue(next);
      else res.once('drain', () => this.#enqueue(next));
    };
    this.#enqueue(next);
  }

  #enqueue(next: () => void): void {
    this.#due.push(next);
    this.#arrange();
  }

  #arrange(): void {
    if (this.#isArranged || this.#due.length === 0) return;
    this.#isArranged = true;
    setImmediate(() => {
      this.#isArranged = false;
      for (const next of this.#due.splice(0, SLICES_A_TURN)) next();
      this.#arrange();
    });
  }
}
