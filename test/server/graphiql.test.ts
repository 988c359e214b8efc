import { createServer, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Script } from 'node:vm';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { Kind, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { graphiqlBootScript } from '../../src/server/graphiql-boot.ts';
import { negotiateEncoding } from '../../src/server/graphiql-encoding.ts';
import { exampleOperations } from '../../src/server/graphiql-examples.ts';
import { loadGraphiqlParts, parseGraphiqlParts } from '../../src/server/graphiql-parts.ts';
import { createGraphiql } from '../../src/server/graphiql.ts';

const graphiql = createGraphiql({
  endpoint: '/graphql',
  assetsPath: '/graphiql/',
  title: 'Prompts & "more"',
});
const server = createServer((req, res) => {
  const path = new URL(req.url ?? '/', 'http://localhost').pathname;
  if (path === '/graphql') return graphiql.page(req, res);
  if (!graphiql.asset(req, res, path)) res.writeHead(404, { 'x-answered-by': 'the caller' }).end();
});

type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer };

// node:http and not fetch, which decompresses and sends an Accept-Encoding of its own.
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const req = request({ port, path, headers, method, host: '127.0.0.1' }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) });
      });
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end();
  });
}

async function assetPath(pattern: RegExp): Promise<string> {
  const html = (await ask('/graphql')).body.toString();
  const path = pattern.exec(html)?.[1];
  if (path === undefined) throw new Error(`the page has no ${String(pattern)}:\n${html}`);
  return path;
}

const scriptPath = () => assetPath(/src="([^"]*\/graphiql-[^"]+\.js)"/);
const stylePath = () => assetPath(/href="([^"]+\.css)"/);
const bootPath = () => assetPath(/src="([^"]*\/boot-[^"]+\.js)"/);

beforeAll(async () => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(async () => new Promise((resolve) => server.close(resolve)));

describe('the GraphiQL page', () => {
  it('is a few kilobytes of HTML that nobody may keep', async () => {
    const { status, headers, body } = await ask('/graphql');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(body.length).toBeLessThan(4096);
  });

  it('allows scripts, workers and connections of its own origin only, and no inline script', async () => {
    const policy = String((await ask('/graphql')).headers['content-security-policy']).split('; ');
    expect(policy).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "worker-src 'self'",
      "connect-src 'self'",
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self' data:",
      "font-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
  });

  it('holds no inline script and no address of another origin', async () => {
    const html = (await ask('/graphql')).body.toString();
    const scripts = html.match(/<script[^>]*>[^<]*/g) ?? [];
    expect(scripts).toHaveLength(2);
    for (const script of scripts) expect(script).toMatch(/^<script defer src="\/graphiql\/[^"]+">$/);
    expect(html).not.toMatch(/\/\//);
  });

  it('escapes its title, also where GraphiQL takes it as HTML', async () => {
    expect((await ask('/graphql')).body.toString()).toContain('<title>Prompts &#38; &#34;more&#34;</title>');
    expect((await ask(await bootPath())).body.toString()).toContain(
      '"titleHtml":"Prompts &#38; &#34;more&#34;"',
    );
  });

  it('answers HEAD with the headers alone', async () => {
    const { status, headers, body } = await ask('/graphql', {}, 'HEAD');
    expect(status).toBe(200);
    expect(Number(headers['content-length'])).toBeGreaterThan(0);
    expect(body).toHaveLength(0);
  });
});

describe('the GraphiQL files', () => {
  it('are immutable, typed and never sniffed', async () => {
    const types = [];
    for (const path of [await scriptPath(), await stylePath(), await assetPath(/href="([^"]+\.svg)"/)]) {
      const { status, headers } = await ask(path);
      expect(status).toBe(200);
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['content-security-policy']).toBe("default-src 'none'");
      expect(headers['etag']).toMatch(/^"[^"]+"$/);
      types.push(headers['content-type']);
    }
    expect(types).toEqual(['text/javascript; charset=utf-8', 'text/css; charset=utf-8', 'image/svg+xml']);
  });

  it('go out compressed as the client prefers, and are the same text each time', async () => {
    const path = await scriptPath();
    const plain = await ask(path);
    const gzip = await ask(path, { 'accept-encoding': 'gzip, deflate' });
    const brotli = await ask(path, { 'accept-encoding': 'gzip, deflate, br, zstd' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(brotli.headers['content-encoding']).toBe('br');
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
    expect(brotliDecompressSync(brotli.body).equals(plain.body)).toBe(true);
    expect(brotli.body.length).toBeLessThan(plain.body.length / 3);
    for (const { headers, body } of [plain, gzip, brotli]) {
      expect(headers['vary']).toBe('Accept-Encoding');
      expect(headers['content-length']).toBe(String(body.length));
    }
    expect(new Set([plain, gzip, brotli].map(({ headers }) => headers['etag'])).size).toBe(3);
  });

  it('are not sent again to a client that has them', async () => {
    const path = await stylePath();
    const etag = String((await ask(path)).headers['etag']);
    for (const known of [etag, `"other", W/${etag}`, '*']) {
      const { status, headers, body } = await ask(path, { 'if-none-match': known });
      expect(status).toBe(304);
      expect(headers['etag']).toBe(etag);
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(body).toHaveLength(0);
    }
    expect((await ask(path, { 'if-none-match': '"other"' })).status).toBe(200);
    const otherEncoding = await ask(path, { 'if-none-match': etag, 'accept-encoding': 'br' });
    expect(otherEncoding.status).toBe(200);
  });

  it('answer HEAD with the headers alone, and refuse to be written', async () => {
    const path = await stylePath();
    const head = await ask(path, {}, 'HEAD');
    expect(head.status).toBe(200);
    expect(Number(head.headers['content-length'])).toBeGreaterThan(100_000);
    expect(head.body).toHaveLength(0);
    const post = await ask(path, {}, 'POST');
    expect(post.status).toBe(405);
    expect(post.headers['allow']).toBe('GET, HEAD');
    expect(post.headers['cache-control']).toBe('no-store');
  });

  it('of an older release are gone, and that answer is not kept', async () => {
    const { status, headers } = await ask('/graphiql/boot-00000000000000000000.js');
    expect(status).toBe(404);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-answered-by']).toBeUndefined();
  });

  it('leave every other path to the caller', async () => {
    const script = await scriptPath();
    for (const path of [
      '/graphiql/',
      '/graphiql/../package.json',
      '/other',
      `/x${script}`,
      `${script}.map`,
    ]) {
      expect((await ask(path)).headers['x-answered-by'], path).toBe('the caller');
    }
  });

  it('include the workers that the boot script names', async () => {
    const boot = (await ask(await bootPath())).body.toString();
    const workers = boot.match(/\/graphiql\/[a-z]+-worker-[0-9a-f]+\.js/g) ?? [];
    expect(workers).toHaveLength(3);
    for (const worker of workers)
      expect((await ask(worker)).headers['content-type']).toMatch(/^text\/javascript/);
  });
});

describe('the choice of a content encoding', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['br', 'br'],
    ['GZIP', 'gzip'],
    ['gzip, br;q=0.1', 'br'],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0.000, gzip ; q=0', 'identity'],
    ['*', 'br'],
    ['*;q=0.5, br;q=0', 'gzip'],
    ['deflate, zstd', 'identity'],
    ['identity;q=0', 'identity'],
    ['br;q=nonsense', 'identity'],
  ])('for %j is %s', (header, encoding) => {
    expect(negotiateEncoding(header)).toBe(encoding);
  });
});

describe('the GraphiQL package', () => {
  it('has the shape that is cut into files', async () => {
    const parts = await loadGraphiqlParts();
    expect(parts.js).toContain('YogaGraphiQL={}');
    expect(parts.js.length).toBeGreaterThan(1_000_000);
    expect(parts.css).toContain('.graphiql-container');
    for (const worker of [parts.editorWorkerService, parts.jsonWorker, parts.graphqlWorker]) {
      expect(worker).toContain('onmessage');
    }
  });

  it('is refused by name when a part of it is missing, or its script starts nothing', () => {
    const parts = { css: 'c', editorWorkerService: 'e', jsonWorker: 'j', graphqlWorker: 'g' };
    const whole = { ...parts, js: 'exports.renderYogaGraphiQL = 1' };
    expect(parseGraphiqlParts(whole)).toEqual(whole);
    expect(() => parseGraphiqlParts({ ...whole, jsonWorker: undefined })).toThrow(
      'no text named "jsonWorker"',
    );
    expect(() => parseGraphiqlParts({ ...whole, css: '' })).toThrow('no text named "css"');
    expect(() => parseGraphiqlParts(undefined)).toThrow('@graphql-yoga/render-graphiql is not as expected');
    expect(() => parseGraphiqlParts({ ...parts, js: 'x' })).toThrow('defines no renderYogaGraphiQL');
  });
});

describe('the example operations', () => {
  it('are one named operation a tab, which becomes its title', () => {
    const names = exampleOperations.map((operation) => {
      const [definition, ...others] = parse(operation).definitions;
      expect(others).toEqual([]);
      return definition?.kind === Kind.OPERATION_DEFINITION ? definition.name?.value : undefined;
    });
    expect(names).toEqual(['WhoAmI', 'OnePrompt', 'FollowStable', 'PromoteVersion', 'AuditTrail']);
  });

  it('fit the width of the editor, which does not wrap lines', () => {
    const tooLong = exampleOperations.flatMap((text) => text.split('\n')).filter((line) => line.length > 48);
    expect(tooLong).toEqual([]);
  });
});

describe('the boot script', () => {
  it('is a script that parses, whatever its options hold', () => {
    const script = graphiqlBootScript({
      endpoint: '/g"\u2028</script>`${1}',
      titleHtml: "it's",
      logoHtml: '<svg/>',
      operations: ['{ a }'],
      workers: { editorWorkerService: '/e.js', json: '/j.js', graphql: '/g.js' },
    });
    expect(() => new Script(script)).not.toThrow();
  });
});
