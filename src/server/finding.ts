/** What a look at one thing came to. The command line has the same of what it looks at over HTTP. */
export interface Finding {
  readonly check: string;
  /** SKIPPED: it was not looked at, and why. */
  readonly state: 'OK' | 'WARNING' | 'FAULT' | 'SKIPPED';
  readonly says: string;
  /** What to do. */
  readonly advice?: string;
}
