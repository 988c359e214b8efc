import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContentInput } from '../../src/domain/version.ts';
import { createPromptForge } from '../../src/sdk/client.ts';
import { bundleFile } from '../../src/sdk/disk.ts';
import { readSnapshotFile } from '../../src/sdk/snapshot-file.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { cliOf } from './call-cli.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

let server: TestServer;
let directory: string;
beforeAll(async () => {
  server = await startTestServer();
  directory = await mkdtemp(join(tmpdir(), 'promptforge-codegen-'));
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const at = (name: string) => join(directory, name);
const { cli: call } = cliOf(() => server);
const cli = (...args: string[]) => call(args);

/** Saves and promotes; a prompt that is there gets another version. */
async function serve(slug: string, content: ContentInput): Promise<void> {
  const admin = await server.systemOf('default');
  const known = await server.execute<{ prompt: object | null }, unknown>(
    'query ($slug: String!) { prompt(slug: $slug) { id } }',
    { slug },
  );
  if (known.data().prompt === null) await server.app.createPrompt(admin, { slug, content });
  else await server.app.editPrompt(admin, { slug, content });
  const latest = await server.execute<{ prompt: { latest: { number: number } } }, unknown>(
    'query ($slug: String!) { prompt(slug: $slug) { latest { number } } }',
    { slug },
  );
  const version = latest.data().prompt.latest.number;
  await server.app.promoteVersion(admin, { slug, channel: 'stable', version });
}

const ASSISTANT: ContentInput = {
  template: 'Hi {{customer}}, {{tone}} {{order.id}} {{order.to.city}} {{items.0}} {{n}}{{raw}}{{note}}{{on}}',
  variables: [
    {
      name: 'tone',
      type: 'ENUM',
      options: ['friendly', 'a "b" \\ */'],
      default: 'friendly',
      description: 'How.\n*/ evil',
    },
    { name: 'n', type: 'NUMBER' },
    { name: 'raw', type: 'JSON', required: false },
    { name: 'note', type: 'STRING', description: 'One line' },
    { name: 'on', type: 'BOOLEAN' },
  ],
};

async function fill(): Promise<void> {
  await serve('support/assistant', ASSISTANT);
  await serve('support/chat.v2-b', { messages: [{ role: 'USER', content: '{{q}}' }] });
  await serve('plain', { template: 'nothing {{ }}' });
}

describe('promptforge codegen', () => {
  it('writes the variables of what a channel serves as types', async () => {
    await fill();
    const { code, stdout } = await cli('codegen', '--out', at('prompts.d.ts'));
    expect([code, stdout]).toEqual([0, `types of 3 prompts written to ${at('prompts.d.ts')}\n`]);
    expect(await readFile(at('prompts.d.ts'), 'utf8')).toBe(
      `// Written by \`promptforge codegen\` from what channel "stable" serves: do not edit it, run that again.
import type { JsonValue } from 'promptforge/client';

declare module 'promptforge/client' {
  interface PromptVariables {
    "plain": Record<string, never>;
    "support/assistant": {
      readonly customer: string | number | boolean;
      readonly items: JsonValue;
      readonly n: number;
      /** One line */
      readonly note: string;
      readonly on: boolean;
      readonly order: { readonly id: string | number | boolean; readonly to: { readonly city: string | number | boolean } };
      readonly raw?: JsonValue | null | undefined;
      /**
       * How.
       * *\\/ evil
       * Default: "friendly"
       */
      readonly tone?: "friendly" | "a \\"b\\" \\\\ */" | null | undefined;
    };
    "support/chat.v2-b": {
      readonly q: string | number | boolean;
    };
  }
  interface PromptKinds {
    "plain": 'TEXT';
    "support/assistant": 'TEXT';
    "support/chat.v2-b": 'CHAT';
  }
}
`,
    );
  });

  it('makes the compiler refuse what a rendering would refuse', async () => {
    const values =
      "customer: 'Ada', items: [1], n: 1, note: '', on: true, order: { id: 1, to: { city: 'Rome' } }";
    const source = [
      ["import type { PromptForge } from 'promptforge/client';", ''],
      ['declare const prompts: PromptForge;', ''],
      [`prompts.render('support/assistant', { ${values}, tone: 'friendly', raw: { a: [null] } });`, ''],
      [`prompts.render('support/assistant', { ${values} }, { strict: true });`, ''],
      ["prompts.render('plain');", ''],
      ["prompts.messages('support/chat.v2-b', { q: 1 });", ''],
      ["prompts.render('support/assistant', { customer: 'Ada' });", 'missing'],
      ["prompts.render('support/assistant');", 'left out'],
      [`prompts.render('support/assistant', { ${values}, tome: 'friendly' });`, 'misspelt'],
      [`prompts.render('support/assistant', { ${values}, tone: 'rude' });`, 'no option'],
      [
        `prompts.render('support/assistant', { ${values.replace('n: 1', "n: '1'")} });`,
        'a text for a number',
      ],
      [
        `prompts.render('support/assistant', { ${values.replace("city: 'Rome'", '')} });`,
        'a path that leads nowhere',
      ],
      ["prompts.render('plain', { a: 1 });", 'unknown'],
      ["prompts.render('support/asistant', {});", 'no prompt'],
      ["prompts.render('support/chat.v2-b', { q: 1 });", 'CHAT'],
      ["prompts.messages('plain');", 'TEXT'],
    ];
    await mkdir(at('node_modules'));
    await symlink(ROOT, at('node_modules/promptforge'));
    await writeFile(at('package.json'), '{ "type": "module" }');
    await writeFile(at('service.ts'), source.map(([line]) => line).join('\n'));
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      noEmit: true,
      types: [],
      exactOptionalPropertyTypes: true,
    };
    await writeFile(
      at('tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['service.ts', 'prompts.d.ts'] }),
    );
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, [TSC, '-p', directory, '--pretty', 'false'], (_error, stdout) =>
        resolve(stdout),
      );
    });
    const wrong = source.flatMap(([, why], index) => (why === '' ? [] : [index + 1]));
    const lines = [...output.matchAll(/^(?:.*\/)?(\S+)\((\d+),\d+\): error/gm)].map(
      ([, file, line]) => `${file}:${line}`,
    );
    expect([...new Set(lines)], output).toEqual(wrong.map((line) => `service.ts:${line}`));
  });

  it('says in CI what a promotion made untrue, and writes nothing then', async () => {
    const out = at('checked.d.ts');
    const check = () => cli('codegen', '--out', out, '--check');
    const missing = await check();
    expect([missing.code, missing.stdout]).toEqual([
      1,
      expect.stringContaining('checked.d.ts is not there\n'),
    ]);
    await cli('codegen', '--out', out);
    const written = await readFile(out, 'utf8');
    expect([(await check()).code, (await check()).stdout]).toEqual([0, `${out} is true of 3 prompts\n`]);
    const described = (ASSISTANT.variables ?? []).map((entry) => ({ ...entry, description: 'Another' }));
    await serve('support/assistant', { ...ASSISTANT, variables: described });
    expect((await check()).code).toBe(0);
    await serve('support/assistant', { template: '{{customer}} {{language}}' });
    await serve('new/one', { template: 'x' });
    const stale = await check();
    expect([stale.code, stale.stdout.split('\n')]).toEqual([
      1,
      expect.arrayContaining([
        'new/one: is served now, and the file does not know it',
        'support/assistant: - readonly n: number;',
        'support/assistant: + readonly language: string | number | boolean;',
      ]),
    ]);
    expect(await readFile(out, 'utf8')).toBe(written);
    await cli('codegen', '--out', out);
    await utimes(out, 0, 0);
    await cli('codegen', '--out', out);
    expect([(await check()).code, (await stat(out)).mtimeMs]).toEqual([0, 0]);
  });

  it('writes over no file of somebody else, and no empty one', async () => {
    await writeFile(at('mine.d.ts'), 'export {};\n');
    const { code, stderr } = await cli('codegen', '--out', at('mine.d.ts'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('was not written by codegen')]);
    const none = await cli('codegen', '--out', at('none.d.ts'), '--prompts', 'nowhere/*');
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('every slug would compile')]);
  });
});

describe('promptforge bundle', () => {
  const out = () => at('bundle.json');
  const bundle = (...args: string[]) => cli('bundle', '--out', out(), ...args);

  it('writes over no file of somebody else', async () => {
    await writeFile(at('package.json'), '{"name":"mine"}');
    const { code, stderr } = await cli('bundle', '--out', at('package.json'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('is no bundle')]);
    expect(await readFile(at('package.json'), 'utf8')).toBe('{"name":"mine"}');
  });

  it('writes what clients start from, the same bytes for the same state but its time', async () => {
    const { code, stdout } = await bundle('--prompts', 'support/*,plain');
    expect([code, stdout]).toEqual([0, `3 prompts of channel "stable" written to ${out()}\n`]);
    const text = await readFile(out(), 'utf8');
    expect((await stat(out())).mode & 0o777).toBe(0o644);
    const warnings: string[] = [];
    const topic = { channel: 'stable', prompts: ['plain', 'support/*'] };
    const read = await readSnapshotFile(text, topic, (warning) => void warnings.push(warning));
    expect([warnings, read?.isComplete, read?.served.map(({ slug }) => slug)]).toEqual([
      [],
      true,
      ['plain', 'support/assistant', 'support/chat.v2-b'],
    ]);
    await bundle('--prompts', 'plain,support/*');
    const savedAt = /"savedAt":"[^"]*"/;
    expect((await readFile(out(), 'utf8')).replace(savedAt, '')).toBe(text.replace(savedAt, ''));
  });

  it('is what a client starts from where no server is', async () => {
    await bundle('--prompts', 'support/*');
    const client = createPromptForge({
      // A port on which nothing listens.
      url: 'http://127.0.0.1:1',
      apiKey: 'none',
      prompts: ['support/*'],
      bootstrap: bundleFile(out()),
    });
    const { source } = await client.ready();
    const { messages } = client.messages('support/chat.v2-b', { q: 'why?' });
    await client.close();
    expect([source, messages]).toEqual(['bootstrap', [{ role: 'USER', content: 'why?' }]]);
  });

  it('writes no file that a service would start from with nothing', async () => {
    const before = await readFile(out(), 'utf8');
    const none = await bundle('--prompts', 'nowhere/*');
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('serves nothing of nowhere/*')]);
    const unknown = await bundle('--channel', 'nowhere');
    expect([unknown.code, unknown.stderr]).toEqual([5, expect.stringContaining('nowhere')]);
    expect(await readFile(out(), 'utf8')).toBe(before);
    const partly = await bundle('--prompts', 'plain,nowhere/*');
    expect([partly.code, partly.stderr]).toEqual([
      0,
      expect.stringContaining('warning: channel "stable" serves nothing of nowhere/*'),
    ]);
  });

  it('refuses content that does not have its hash', async () => {
    await serve('forged/one', { template: 'to be forged' });
    await server.database.query(
      `DO $$ BEGIN SET LOCAL session_replication_role = replica; UPDATE prompt_version SET template = 'forged' WHERE template = 'to be forged'; END $$`,
    );
    const { code, stderr } = await bundle('--prompts', 'forged/*');
    expect([code, stderr]).toEqual([
      5,
      expect.stringContaining('forged/one, version 1: the content does not have the hash'),
    ]);
  });
});
