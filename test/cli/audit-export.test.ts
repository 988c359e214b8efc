import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { exportAudit } from '../../src/cli/audit-export.ts';
import { temporaryDirectory } from '../support/process.ts';

const TRAIL = { 'content-type': 'application/x-ndjson; charset=utf-8', 'x-promptforge-audit-head': '3' };
const lines = (...seqs: number[]) => seqs.map((seq) => `{"seq":${seq}}\n`).join('');

async function exportFrom(answer: RequestListener): Promise<{ out: string; done: Promise<number> }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const directory = await temporaryDirectory();
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await directory.remove();
  });
  const out = join(directory.path, 'trail.jsonl');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { out, done: exportAudit({ url, apiKey: 'key', after: 0, out }) };
}

it("takes a proxy's page for no trail, and leaves no file", async () => {
  const { out, done } = await exportFrom((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/html' }).end('<html>\nPlease log in\n</html>\n');
  });
  await expect(done).rejects.toMatchObject({ exitCode: 5, message: expect.stringContaining('text/html') });
  expect(existsSync(out)).toBe(false);
});

it('goes on with a trail that ends before its head, or in the middle of a line', async () => {
  const asked: (string | null)[] = [];
  const { out, done } = await exportFrom((req, res) => {
    const after = new URL(req.url ?? '', 'http://x').searchParams.get('after');
    asked.push(after);
    const told = { 0: lines(1), 1: `${lines(2)}{"se`, 2: lines(3) }[after ?? ''];
    res.writeHead(200, TRAIL).end(told);
  });
  expect(await done).toBe(0);
  expect(asked).toEqual(['0', '1', '2']);
  expect(readFileSync(out, 'utf8')).toBe(lines(1, 2, 3));
});

it('ends with a trail whose newest events are gone, and says so', async () => {
  const asked: (string | null)[] = [];
  const { out, done } = await exportFrom((req, res) => {
    const after = new URL(req.url ?? '', 'http://x').searchParams.get('after');
    asked.push(after);
    res.writeHead(200, TRAIL).end(after === '0' ? lines(1, 2) : '');
  });
  expect(await done).toBe(1);
  expect(asked).toEqual(['0', '2']);
  expect(readFileSync(out, 'utf8')).toBe(lines(1, 2));
});
