import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientFrame, closeCodeIn, openRaw, upgradeRequest } from '../support/raw-connection.ts';
import type { RawConnection } from '../support/raw-connection.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { inTime } from '../support/socket.ts';

const TIMES = { headersMs: 400, requestMs: 900, answerMs: 500, messageMs: 400, sweepMs: 50 };
const LARGE = 'slow/large';
const TOO_SLOW = 'an answer was taken too slowly';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ times: TIMES });
  const create = `mutation C($text: String!) { createPrompt(input: { slug: "${LARGE}", content: { template: $text } }) { __typename } }`;
  (await server.execute(create, { text: 'x'.repeat(1_000_000) })).data();
});
afterAll(() => server.close());

const head = (lines: readonly string[]) =>
  [...lines, 'Host: localhost', `Authorization: Bearer ${server.adminKey}`].join('\r\n');

/** Goes on to send a byte for as long as the server lets it. */
function drip(raw: RawConnection): Promise<void> {
  const dripping = setInterval(() => raw.write('x'), 40);
  return inTime(raw.ended, 'the server still listens').finally(() => clearInterval(dripping));
}

describe('a client that sends too slowly', () => {
  it('and never ends its head is cut with 408', async () => {
    const raw = await openRaw(server.url);
    raw.write(`${head(['GET /livez HTTP/1.1'])}\r\nX-Slow: `);
    await drip(raw);
    expect(raw.received().toString()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('and says nothing at all is cut', async () => {
    const raw = await openRaw(server.url);
    await inTime(raw.ended, 'the server still waits');
    expect(raw.received().toString()).not.toMatch(/ 200 /);
  });

  it('and sends a body byte by byte is cut, though it goes on', async () => {
    const raw = await openRaw(server.url);
    const lines = ['POST /graphql HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 60000'];
    raw.write(`${head(lines)}\r\n\r\n{"query":"`);
    await drip(raw);
    expect(raw.received().toString()).toMatch(/^HTTP\/1\.1 408 /);
    expect(server.logged.filter(({ level }) => level >= 50)).toEqual([]);
  });
});

describe('a client that reads too slowly', () => {
  const request = () =>
    `${head([`GET /v1/prompts/${LARGE}?_version=latest HTTP/1.1`, 'Accept: text/plain'])}\r\n\r\n`;

  it('and takes nothing of its answers is cut, and never gets the rest', async () => {
    const raw = await openRaw(server.url);
    raw.pause();
    for (let asked = 0; asked < 30; asked += 1) raw.write(request());
    await expect.poll(() => server.logged.map(({ msg }) => msg), { timeout: 10_000 }).toContain(TOO_SLOW);
    raw.resume();
    await inTime(raw.ended, 'the connection is still open');
    expect(raw.received().length).toBeLessThan(30 * 1_000_000);
  });

  it('and takes them in the end, because it is only far away, is not', async () => {
    const raw = await openRaw(server.url);
    for (let asked = 0; asked < 30; asked += 1) raw.write(request());
    await raw.waitForBytes(30 * 1_000_000);
    expect(server.logged.filter(({ msg }) => msg === TOO_SLOW)).toHaveLength(1);
  });
});

describe('a WebSocket', () => {
  async function open(key?: string): Promise<RawConnection> {
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest(key === undefined ? {} : { Authorization: `Bearer ${key}` }));
    raw.write(clientFrame(1, '{"type":"connection_init"}'));
    await raw.waitFor('connection_ack');
    return raw;
  }

  const flood = (frame: Buffer) => Buffer.concat(Array.from({ length: 8_000 }, () => frame));

  it('whose message never ends is closed with 1008, pings or no pings, and then cut', async () => {
    const raw = await open(server.adminKey);
    raw.write(clientFrame(1, '{"type":', { fin: false }));
    const pinging = setInterval(() => raw.write(clientFrame(9, 'still here')), 50);
    await raw.waitFor('finished within a few seconds').finally(() => clearInterval(pinging));
    expect(closeCodeIn(raw.received())).toBe(1008);
    await raw.gone();
  });

  it('whose frame never ends is closed with 1008', async () => {
    const raw = await open(server.adminKey);
    raw.write(clientFrame(1, '{"type":"ping"}').subarray(0, 9));
    await raw.waitFor('finished within a few seconds');
    expect(closeCodeIn(raw.received())).toBe(1008);
  });

  it('whose message comes in pieces, but in time, is answered; so are pings between them', async () => {
    const raw = await open(server.adminKey);
    for (let message = 0; message < 3; message += 1) {
      raw.write(clientFrame(1, '{"type":', { fin: false }));
      raw.write(clientFrame(9, 'between'));
      raw.write(clientFrame(0, `"ping","payload":{"n":${message}}}`));
      await raw.waitFor(`{"n":${message}}`);
    }
    expect(closeCodeIn(raw.received())).toBeNull();
  });

  it('that sends frames without a pause is closed with 4429', async () => {
    const raw = await open(server.adminKey);
    raw.write(flood(clientFrame(10, '')));
    await raw.waitFor('too many requests');
    expect(closeCodeIn(raw.received())).toBe(4429);
    await raw.gone();
  });

  it('that wants thousands of pongs and takes none is cut at once', async () => {
    const raw = await open(server.adminKey);
    raw.write(flood(clientFrame(9, '')));
    await raw.ended;
    expect(raw.received().length).toBeLessThan(8_000);
  });

  it('that is closed for an offence and stays is cut soon after', async () => {
    const raw = await open(server.adminKey);
    raw.write(clientFrame(1, 'no message'));
    await raw.waitFor('Invalid message');
    expect(closeCodeIn(raw.received())).toBe(4400);
    await raw.gone();
  });
});
