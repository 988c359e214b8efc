import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import { listenFault } from '../../src/server/listen-fault.ts';

describe('a server that cannot listen', () => {
  it.each([
    ['203.0.113.9', /^HOST is "203\.0\.113\.9", which is no address of this machine: set HOST/],
    ['bad host', /^HOST is "bad host", a name that nobody knows: set HOST/],
  ])('on %s says which variable is wrong and what to do', async (host, told) => {
    await expect(startTestServer({ config: { host } })).rejects.toThrow(told);
  });

  it('on a port that is taken says so', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    await expect(startTestServer({ config: { port } })).rejects.toThrow(
      `port ${port} of "127.0.0.1" is taken: stop what listens there, or set PORT`,
    );
    other.close();
  });

  it('passes on what it has no word for', () => {
    const error: NodeJS.ErrnoException = new Error('why');
    expect(listenFault(error, { host: 'h', port: 1 })).toBe(error);
  });
});
