// Reads per second of PromptForge beside a bare node:http server that answers the same bytes, interleaved in one run.
//   npm run bench:read            about a minute; writes its section of docs/benchmarks.md
//   npm run bench:read -- --quick a few seconds; prints only
import { serveBare } from './bare-server.ts';
import { fetchRaw, load } from './load-client.ts';
import type { LoadCase, RawAnswer } from './load-client.ts';
import { writeSection } from './page.ts';
import { pinThisProcess, startBare, startPromptForge } from './processes.ts';
import { report } from './report.ts';
import type { CaseResult } from './report.ts';

const SLUG = 'bench/two-kilobytes';
const TEMPLATE = `You are {{role}}.\n${'Answer in short, complete sentences, and say so when you are not sure. '.repeat(24)}\n`;
const CONNECTIONS = 32;
/** Node writes these itself, in both servers. */
const OWN_HEADERS = /^(date|connection|keep-alive|transfer-encoding)$/i;

if (process.argv[2] === 'bare') serveBare();
else await run(process.argv.includes('--quick'));

async function run(quick: boolean): Promise<void> {
  const pinned = pinThisProcess();
  const pace = quick
    ? { rounds: 3, warmUpMs: 100, measureMs: 250 }
    : { rounds: 7, warmUpMs: 200, measureMs: 700 };
  const forge = await startPromptForge(pinned);
  const bare = await startBare(pinned);
  try {
    await seed(forge.port, forge.key);
    const results: CaseResult[] = [];
    for (const loadCase of await casesOf(forge.port, forge.key)) {
      const sample = await fetchRaw(forge.port, loadCase);
      await bare.answer({
        status: loadCase.status,
        headers: headersOf(sample),
        body: dechunked(sample).toString('base64'),
      });
      const result: CaseResult = {
        name: loadCase.name,
        bytes: dechunked(sample).length,
        forge: [],
        bare: [],
      };
      for (let round = 0; round < pace.rounds; round += 1) {
        result.forge.push(await load(forge.port, loadCase, { connections: CONNECTIONS, ...pace }));
        result.bare.push(await load(bare.port, loadCase, { connections: CONNECTIONS, ...pace }));
      }
      results.push(result);
    }
    const text = report(results, { pinned, connections: CONNECTIONS, ...pace });
    console.log(text);
    if (!quick) await writeSection('Reads', text);
  } finally {
    await bare.stop();
    await forge.stop();
  }
}

async function seed(port: number, key: string): Promise<void> {
  const document = `mutation BenchSeed($slug: String!, $template: String!) {
    createPrompt(input: { slug: $slug, content: { template: $template } }) { __typename }
    promoteVersion(input: { slug: $slug, version: 1 }) { __typename }
  }`;
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: document, variables: { slug: SLUG, template: TEMPLATE } }),
  });
  const text = await response.text();
  if (!text.includes('"Prompt"') || !text.includes('"Promotion"'))
    throw new Error(`the seed failed: ${text}`);
}

async function casesOf(port: number, key: string): Promise<LoadCase[]> {
  const rest = get('REST 200, JSON', 200, key, {});
  const etag = /^etag: *(.*?)\r$/im.exec((await fetchRaw(port, rest)).head)?.[1] ?? '';
  return [
    rest,
    get('REST 304', 304, key, { 'if-none-match': etag }),
    get('REST 200, text/plain', 200, key, { accept: 'text/plain' }),
    post('GraphQL POST, prompt { version(channel) { template } }', key, {
      query:
        'query BenchPrompt($slug: String!) { prompt(slug: $slug) { version(channel: "stable") { template } } }',
      variables: { slug: SLUG },
    }),
    post('GraphQL POST, viewer', key, { query: '{ viewer { role actor { name } } }' }),
  ];
}

function get(name: string, status: number, key: string, headers: Record<string, string>): LoadCase {
  return { name, status, request: requestBytes(`GET /v1/prompts/${SLUG}`, key, headers, '') };
}

function post(name: string, key: string, body: object): LoadCase {
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'content-length': String(Buffer.byteLength(text)),
  };
  return { name, status: 200, request: requestBytes('POST /graphql', key, headers, text) };
}

function requestBytes(target: string, key: string, headers: Record<string, string>, body: string): Buffer {
  const lines = Object.entries({ host: '127.0.0.1', authorization: `Bearer ${key}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return Buffer.from([`${target} HTTP/1.1`, ...lines, '', body].join('\r\n'));
}

function headersOf({ head }: RawAnswer): [string, string][] {
  const lines = head.trimEnd().split('\r\n').slice(1);
  const headers = lines.map((line): [string, string] => [
    line.slice(0, line.indexOf(':')),
    line.slice(line.indexOf(':') + 2),
  ]);
  return headers.filter(([name]) => !OWN_HEADERS.test(name));
}

/** The body itself: an answer of one chunk loses its chunk's frame. */
function dechunked({ head, body }: RawAnswer): Buffer {
  if (!/^transfer-encoding: *chunked/im.test(head)) return body;
  const start = body.indexOf('\r\n') + 2;
  return body.subarray(start, start + Number.parseInt(body.toString('latin1'), 16));
}
