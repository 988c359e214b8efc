import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SIZE_MAX = 15_000;

interface Bundler {
  build(options: object): Promise<{ outputFiles: readonly { readonly contents: Uint8Array }[] }>;
}

describe('the package promptforge/client', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  it('is smaller than 15 kB, gzipped and without graphql-ws, and needs nothing of Node', async () => {
    // tsx brings it along.
    const bundler = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Bundler;
    const { outputFiles } = await bundler.build({
      entryPoints: [join(ROOT, 'dist/sdk/client.js')],
      bundle: true,
      minify: true,
      format: 'esm',
      // Where there is no Node, an import of it is an error.
      platform: 'neutral',
      external: ['graphql-ws/client'],
      write: false,
      logLevel: 'silent',
    });
    const [file] = outputFiles;
    const size = gzipSync(file?.contents ?? '', { level: 9 }).length;
    expect(size).toBeGreaterThan(5_000);
    expect(size).toBeLessThan(SIZE_MAX);
  });

  it.each(['websocket', 'sse', 'polling'])(
    'leaves nothing behind when it is closed: a process that used it over %s ends by itself',
    async (transport) => {
      const { key } = await server.createKey('SERVICE');
      const program = `
        import { createPromptForge } from 'promptforge/client';
        const prompts = createPromptForge({ url: process.env.URL, apiKey: process.env.KEY, transports: [process.env.OVER] });
        const { source } = await prompts.ready();
        await prompts.close();
        console.log(source, prompts.status().closed);`;
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
        cwd: ROOT,
        env: { PATH: process.env['PATH'], URL: server.url, KEY: key, OVER: transport },
        timeout: 10_000,
      });
      expect(stdout).toBe('server true\n');
    },
  );
});
