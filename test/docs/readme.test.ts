import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY_PATTERN } from '../../src/domain/api-key.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { blocksOf, parseCurl, printed, readText, ROOT, shellWords } from './markdown.ts';
import type { Block } from './markdown.ts';

const README = readText('README.md');
const BLOCKS = blocksOf(README);
const ADDRESS = 'http://127.0.0.1:4000';
/** Every command of the README is a process of its own. */
const COMMANDS_TIMEOUT_MS = 120_000;
const QUICK_START = ['npm ci && npm start', 'npm ci && npm test'];

function blockAfter(block: Block | undefined): Block {
  const next = block && BLOCKS[BLOCKS.indexOf(block) + 1];
  if (next === undefined) throw new Error(`nothing stands below the block of line ${block?.line}`);
  return next;
}

function blockWith(text: string): Block {
  const found = BLOCKS.find((block) => block.text.includes(text));
  if (found === undefined) throw new Error(`no block holds ${text}`);
  return found;
}

describe('the README', () => {
  let server: TestServer;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'promptforge-readme-'));
    server = await startTestServer({ config: { demo: true } });
  });
  afterAll(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('is short, and its two commands stand there as they are and exist', async () => {
    expect(README.split('\n').length).toBeLessThan(200);
    for (const command of QUICK_START) {
      expect(BLOCKS.filter((block) => block.text === `${command}\n`)).toHaveLength(1);
    }
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(scripts).toHaveProperty('start');
    expect(scripts).toHaveProperty('test');
  });

  it('prints what the first start prints', { timeout: COMMANDS_TIMEOUT_MS }, async () => {
    const database = await createTestDatabase();
    const child = spawn(process.execPath, [join(ROOT, 'dist/main.js')], {
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        DATABASE_URL: database.url,
        PROMPTFORGE_DEMO: 'true',
        LOG_FORMAT: 'json',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    let text = '';
    for await (const chunk of child.stdout) {
      text += String(chunk);
      if (text.includes('Lost the key?')) child.kill('SIGTERM');
    }
    expect(await exited).toBe(0);
    await database.drop();
    const expected = blockAfter(blockWith('npm ci && npm start')).text;
    expect(text.trimEnd().replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:4000')).toMatch(printed(expected));
  });

  it('shows for every GraphQL document and every curl line what they answer, from top to bottom', async () => {
    const shown = BLOCKS.filter(({ language, text }) => language === 'graphql' || /^curl (?!-N)/.test(text));
    expect(shown.length).toBeGreaterThanOrEqual(4);
    for (const block of shown) {
      await expectShown(block, blockAfter(block));
      const repeated = blockAfter(blockAfter(block));
      // A second answer below the first one is the answer to the same document again.
      if (block.language === 'graphql' && repeated.language === 'json') await expectShown(block, repeated);
    }
  });

  async function expectShown(block: Block, answer: Block): Promise<void> {
    const actual = block.language === 'graphql' ? await askGraph(block) : await fetchCurl(block, answer);
    const expected = answer.language === 'json' ? (JSON.parse(answer.text) as unknown) : answer.text;
    expect(actual, `README.md:${answer.line}`).toEqual(expected);
  }

  async function askGraph(block: Block): Promise<unknown> {
    return (await server.execute(block.text)).data();
  }

  /** The answer's JSON, or its head, with the headers that the README shows, and its body. */
  async function fetchCurl(block: Block, shown: Block): Promise<unknown> {
    const { url, method, headers, body } = parseCurl(shellWords(block.text, { KEY: server.adminKey }));
    const response = await fetch(url.replace(ADDRESS, server.url), { method, headers, body });
    const text = await response.text();
    if (shown.language === 'json') return JSON.parse(text);
    const names = [...(shown.text.split('\n\n', 1)[0]?.matchAll(/^([\w-]+):/gm) ?? [])].map(
      ([, name = '']) => name,
    );
    const head = names.map((name) => `${name}: ${response.headers.get(name)}\n`);
    return `HTTP/1.1 ${response.status} ${response.statusText}\n${head.join('')}${text === '' ? '' : `\n${text}`}`;
  }

  it('streams as it shows', async () => {
    const stream = blockWith('curl -N');
    expect(await headOfStream(stream)).toMatch(printed(blockAfter(stream).text));
  });

  it('follows stable with the SDK as it shows, and prints what a rollback pushes', async () => {
    const program = blockWith('createPromptForge');
    const rollback = /somebody runs `(npx promptforge rollback [^`]*)`/.exec(README)?.[1] ?? '';
    const lines = await linesOf(program.text.replace(ADDRESS, server.url), () => promptforge(rollback));
    expect(lines).toMatch(printed(blockAfter(program).text));
  });

  it('subscribes over WebSocket as docs/http.md shows', async () => {
    const blocks = blocksOf(readText('docs/http.md'));
    const program = blocks.find(({ text }) => text.includes('createClient'));
    const shown = program && blocks[blocks.indexOf(program) + 1];
    const address = server.url.replace('http', 'ws');
    const rollback = /somebody runs `(mutation [^`]*)`/.exec(readText('docs/http.md'))?.[1] ?? '';
    await promptforge('npx promptforge promote support/assistant 3');
    const lines = await linesOf(program?.text.replace('ws://127.0.0.1:4000', address) ?? '', async () => {
      (await server.execute(rollback)).data();
    });
    expect(lines).toMatch(printed(shown?.text ?? ''));
  });

  /** Runs a program until it has printed two lines; `between` happens after the first. @returns what it printed */
  async function linesOf(program: string, between: () => Promise<unknown>): Promise<string> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], KEY: server.adminKey },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    const lineCount = () => text.split('\n').length - 1;
    for await (const chunk of child.stdout) {
      const before = lineCount();
      text += String(chunk);
      if (before === 0 && lineCount() > 0) await between();
      if (lineCount() >= 2) child.kill('SIGTERM');
    }
    return text.trimEnd();
  }

  /** What a stream begins with, its first event included. */
  async function headOfStream(block: Block): Promise<string> {
    const { url, headers } = parseCurl(shellWords(block.text, { KEY: server.adminKey }));
    const { body } = await fetch(url.replace(ADDRESS, server.url), { headers });
    let text = '';
    for await (const chunk of body ?? []) {
      text += new TextDecoder().decode(chunk);
      const events = /^[^]*?\n\n[^]*?\n\n/.exec(text)?.[0];
      if (events !== undefined) return events.trimEnd();
    }
    throw new Error(`the stream ended with ${text}`);
  }

  it(
    'names commands for keys that work in its order, and a pattern that finds them',
    { timeout: COMMANDS_TIMEOUT_MS },
    async () => {
      const pattern = new RegExp(`^${/`(pf_live_\[.*)`/.exec(README)?.[1]}$`);
      expect(pattern.source).toBe(API_KEY_PATTERN.source);
      const lines = blockWith('keys create --role SERVICE').text.trimEnd().split('\n');
      const keys: string[] = [];
      let id = '';
      for (const line of lines) {
        const output = await promptforge(line.replace('<id>', id));
        if (line.includes('keys create')) keys.push(output.trim());
        if (line.includes('keys list')) id = /^(\S+)\s+SERVICE\b.*\bweb$/m.exec(output)?.[1] ?? '';
      }
      expect(keys).toHaveLength(2);
      for (const key of keys) expect(key).toMatch(pattern);
      const statusOf = async (key = '') =>
        (await server.get('/v1/prompts/support/assistant', { authorization: `Bearer ${key}` })).status;
      expect(await statusOf(keys[0])).toBe(200);
      expect(await statusOf(keys[1])).toBe(401);
    },
  );

  it('answers its command lines as printed', { timeout: COMMANDS_TIMEOUT_MS }, async () => {
    const commands = blockWith('npx promptforge list');
    const outputs: string[] = [];
    for (const line of commands.text.trimEnd().split('\n')) outputs.push(await promptforge(line));
    expect(outputs.join('').trimEnd()).toMatch(printed(blockAfter(commands).text));
  });

  /** `npx promptforge ...` as it was built last, on the test's server and its database. */
  async function promptforge(line: string): Promise<string> {
    const [npx, command, ...args] = shellWords(line, {});
    expect([npx, command]).toEqual(['npx', 'promptforge']);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(ROOT, 'dist/cli/main.js'), ...args],
      {
        cwd: directory,
        env: {
          PATH: process.env['PATH'],
          DATABASE_URL: server.database.url,
          PROMPTFORGE_URL: server.url,
          PROMPTFORGE_API_KEY: server.adminKey,
          LOG_FORMAT: 'json',
        },
      },
    );
    return stdout;
  }
});
