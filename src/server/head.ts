import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import { SECURITY_HEADERS } from './security-headers.ts';

const FIRST = ['x-request-id', ''] as const;
/** Where in OPENING a request's id belongs. */
export const ID_AT = FIRST.length - 1;

/** What every answer says, for whole header arrays that are written at once; `openingOf` says of which request it is. */
export const OPENING: readonly string[] = [...FIRST, ...SECURITY_HEADERS.flat()];

/** The head of an answer, ready to be sent again and again, to one request after the other. */
export interface Head {
  readonly status: number;
  /** Flat: name, value, name, value. They begin with OPENING, which has a place for the request's id. */
  readonly headers: readonly string[];
  /** The same as they are sent, without what is of one request or moment: up to its id, and from there on. */
  readonly beforeId: string;
  readonly afterId: string;
}

/** Names and values in turns. */
export function flatHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flat();
}

/** @param headers what the answer says beside OPENING. @throws TypeError for what is no header: nothing looks at them again */
export function headOf(status: number, headers: readonly string[]): Head {
  const all = [...OPENING, ...headers];
  const lines: string[] = [];
  for (let at = 0; at < all.length; at += 2) {
    const [name = '', value = ''] = all.slice(at, at + 2);
    validateHeaderName(name);
    validateHeaderValue(name, value);
    lines.push(`${name}: ${value}\r\n`);
  }
  const [first = '', ...rest] = lines;
  return {
    status,
    headers: all,
    beforeId: `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${first.trimEnd()} `,
    afterId: `\r\n${rest.join('')}`,
  };
}
