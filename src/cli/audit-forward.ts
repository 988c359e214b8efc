import { anchorOf, beyondHead, gap, oldestMissing, ownFaults, reordered } from './audit-chain.ts';
import type { AuditFault, ChainEnd, ChainExpectation } from './audit-chain.ts';
import type { AuditEvent } from './audit-fields.ts';

/** How far a walk from the oldest event up is. Of a size that does not depend on the log. */
export class ForwardWalk {
  readonly #expectation: ChainExpectation;
  #verified = 0;
  #last: ChainEnd | null = null;

  constructor(expectation: ChainExpectation) {
    this.#expectation = expectation;
  }

  get verified(): number {
    return this.#verified;
  }

  /** The newest event that was looked at. */
  get head(): ChainEnd | null {
    return this.#last;
  }

  /** Looks at the next newer event. */
  next(event: AuditEvent): AuditFault[] {
    const faults = [...this.#linkFaults(event), ...ownFaults(this.#expectation, event)];
    this.#verified += 1;
    if (this.#last === null || event.seq > this.#last.seq) this.#last = { seq: event.seq, hash: event.hash };
    return faults;
  }

  /** Looks at where the walk ended. @param toldHead where the server says that its log ended when it was asked */
  finish(toldHead?: number): readonly AuditFault[] {
    if (this.#last === null) return [oldestMissing(this.#expectation)];
    return beyondHead(this.#expectation.checkpoints, this.#last.seq, toldHead);
  }

  #linkFaults(event: AuditEvent): AuditFault[] {
    const { seq, prevHash } = event;
    const last = this.#last;
    if (last === null) {
      const { fromSeq } = this.#expectation;
      const faults = seq > fromSeq ? [gap(fromSeq, seq - 1, 'the oldest events are gone')] : [];
      return [...faults, ...anchorOf(this.#expectation, event)];
    }
    if (seq <= last.seq) return [reordered(seq, `it stands where event ${last.seq + 1} belongs`)];
    if (seq > last.seq + 1) return [gap(last.seq + 1, seq - 1, `event ${seq} follows event ${last.seq}`)];
    if (prevHash === last.hash) return [];
    return [
      reordered(
        last.seq,
        `event ${seq} was chained to another one: this one was put in its place, or edited with its hash`,
      ),
    ];
  }
}
