import type { Socket } from 'node:net';

/** What is longer is joined and hashed each time: a connection is to keep little. */
const KEPT_LENGTH_MAX = 1_024;

/**
 * The texts by which the last request of a connection was looked up. Most clients say the same again over the same connection, and each time
 * as new strings: comparing them with those of before, whose hashes are known, costs less than joining and hashing them. Nothing else is
 * remembered here; what is found under these texts others decide, each time.
 */
export class LastSaid {
  #authorization = '';
  #access = '';
  #accept = '';
  #type = '';
  #what: string | undefined = undefined;
  #key = '';

  /** The same text, where it was said before as the same string. */
  authorization(header: string): string {
    if (header === this.#authorization) return this.#authorization;
    if (header.length <= KEPT_LENGTH_MAX) this.#authorization = header;
    return header;
  }

  /** The key of an answer. @param what URL or body: it comes last, and is the only part that may hold a line break */
  key(access: string, accept: string, type: string, what: string): string {
    const isSame =
      what === this.#what && accept === this.#accept && type === this.#type && access === this.#access;
    if (isSame) return this.#key;
    const key = `${access}\n${accept}\n${type}\n${what}`;
    if (key.length > KEPT_LENGTH_MAX) return key;
    this.#access = access;
    this.#accept = accept;
    this.#type = type;
    this.#what = what;
    this.#key = key;
    return key;
  }
}

/** What was said last on each connection, for as long as it is open. */
export function createLastSaid(): (socket: Socket) => LastSaid {
  const ofSockets = new WeakMap<Socket, LastSaid>();
  return (socket) => {
    const known = ofSockets.get(socket);
    if (known !== undefined) return known;
    const said = new LastSaid();
    ofSockets.set(socket, said);
    return said;
  };
}
