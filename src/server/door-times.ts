/** How long clients may take, and what they ask for. */
export interface DoorTimes {
  /** An operation of the graph, or the start of a subscription. @default 20 s */
  readonly operationMs: number;
  /** From the connection to the end of a request's head. @default 10 s */
  readonly headersMs: number;
  /** From the first byte of a request to its last. @default 30 s */
  readonly requestMs: number;
  /** In which a client takes at least 32 KiB of an answer, or all that is left of it. @default 30 s */
  readonly answerMs: number;
  /** How often it is looked whether somebody takes too long. @default 2 s */
  readonly sweepMs: number;
  /** From the first byte of a WebSocket message to its last. @default 4 s */
  readonly messageMs: number;
  /**
   * In which a node that stops still listens: what is on its way is answered, each connection ends with its answer, and who asks `/readyz`
   * hears of it. @default 1 s
   */
  readonly lingerMs: number;
}

export const DOOR_TIMES: DoorTimes = {
  operationMs: 20_000,
  headersMs: 10_000,
  requestMs: 30_000,
  answerMs: 30_000,
  sweepMs: 2_000,
  messageMs: 4_000,
  lingerMs: 1_000,
};
