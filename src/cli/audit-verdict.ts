import type { AuditFault, ChainEnd, ChainExpectation } from './audit-chain.ts';
import { counted } from './output.ts';

/** What `--json` lists; as text they are all printed as they are found. */
const FAULTS_LISTED_MAX = 10_000;

/** What a verification found so far. */
export class Verdict {
  readonly #json: boolean;
  readonly #faults: AuditFault[] = [];
  #faultCount = 0;
  #expectation: ChainExpectation | null = null;
  #walked: { readonly verified: number; readonly head: ChainEnd | null } = { verified: 0, head: null };
  /** How many channel pointers were compared; null: none were looked at. */
  pointers: number | null = null;

  constructor(json: boolean) {
    this.#json = json;
  }

  get isClean(): boolean {
    return this.#faultCount === 0;
  }

  get fromSeq(): number {
    return this.#expectation?.fromSeq ?? 1;
  }

  begin(expectation: ChainExpectation): void {
    this.#expectation = expectation;
  }

  record(found: readonly AuditFault[]): void {
    for (const fault of found) {
      this.#faultCount += 1;
      if (this.#faults.length < FAULTS_LISTED_MAX) this.#faults.push(fault);
      if (!this.#json) process.stdout.write(`event ${fault.seq}: ${fault.kind}: ${fault.message}\n`);
    }
  }

  finish({ verified, head }: { readonly verified: number; readonly head: ChainEnd | null }): void {
    this.#walked = { verified, head };
  }

  print(): void {
    process.stdout.write(`${this.#json ? this.#asJson() : this.#asText()}\n`);
  }

  #asJson(): string {
    const { verified, head } = this.#walked;
    const { workspaceId = null, checkpoints } = this.#expectation ?? {};
    return JSON.stringify({
      ok: this.isClean,
      workspaceId,
      verified,
      fromSeq: this.fromSeq,
      head,
      checkpoints: checkpoints?.size ?? 0,
      pointers: this.pointers,
      faultCount: this.#faultCount,
      faults: this.#faults,
    });
  }

  #asText(): string {
    const { verified, head } = this.#walked;
    const end = head === null ? 'there is no head' : `head ${head.seq}:${head.hash}`;
    const result = this.isClean
      ? 'the chain holds'
      : `THE CHAIN IS BROKEN: ${counted(this.#faultCount, 'fault')}`;
    const checkpoints = this.#expectation?.checkpoints.size ?? 0;
    const further = [
      ...(this.pointers === null ? [] : [`${this.pointers} channel pointers compared`]),
      ...(checkpoints === 0 ? [] : [`${checkpoints} checkpoints looked at`]),
    ];
    return [result, `${verified} events looked at, ${end}`, ...further].join('\n');
  }
}
