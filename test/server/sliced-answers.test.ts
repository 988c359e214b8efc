import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { SlicedAnswers } from '../../src/server/sliced-answers.ts';
import { openRaw } from '../support/raw-connection.ts';

const BODY = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index} `).join(''));
const A_TURN_MAX = 4 * 64 * 1024;
const HEADS_MAX = 10_000;

it('reach who reads whole, and hold up nobody for those who do not: a turn of the loop writes a few slices', async () => {
  const answers = new SlicedAnswers();
  const sockets: Socket[] = [];
  const server = createServer((req, res) => {
    sockets.push(req.socket);
    answers.send(res, BODY);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const written = () => sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
  const steps: number[] = [];
  let isOver = false;
  const look = (before: number): void => {
    const now = written();
    steps.push(now - before);
    if (!isOver) setImmediate(look, now);
  };
  look(0);
  const idle = await Promise.all(Array.from({ length: 12 }, () => openRaw(url)));
  for (const client of idle) {
    client.pause();
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  }
  const bodies = await Promise.all(
    Array.from({ length: 3 }, async () => Buffer.from(await (await fetch(url)).arrayBuffer())),
  );
  isOver = true;
  for (const body of bodies) expect(body.equals(BODY)).toBe(true);
  expect(Math.max(...steps)).toBeLessThanOrEqual(A_TURN_MAX + HEADS_MAX);
  expect(Math.max(...steps)).toBeGreaterThan(0);
});
