import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { ContentInput } from '../../src/domain/version.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { cliOf } from './call-cli.ts';
import type { CliRun } from './run-cli.ts';

export interface FolderBench {
  readonly server: () => TestServer;
  readonly folder: () => string;
  /** A folder of slugs that only this test has. */
  readonly scope: () => string;
  readonly create: (name: string, content: ContentInput) => Promise<string>;
  readonly edit: (name: string, content: ContentInput) => Promise<void>;
  readonly pull: (...args: string[]) => Promise<CliRun>;
  readonly push: (...args: string[]) => Promise<CliRun>;
  readonly read: (name: string) => Promise<string>;
  readonly write: (name: string, text: string | Buffer) => Promise<void>;
  /** `number message` of each version, oldest first. */
  readonly history: (name: string) => Promise<string[]>;
}

let tests = 0;

/** One server for a file of tests; for each test a folder, and prompts in a scope of its own. */
export function folderBench(): FolderBench {
  let server: TestServer;
  let folder: string;
  let scope: string;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptforge-folder-'));
    scope = `t${++tests}`;
  });
  afterEach(() => rm(folder, { recursive: true }));
  const fileOf = (name: string) => join(folder, scope, `${name}.prompt.md`);
  const admin = () => server.systemOf('default');
  const { cli } = cliOf(() => server);
  const only = () => ['--prompts', `${scope}/*`];
  return {
    server: () => server,
    folder: () => folder,
    scope: () => scope,
    create: async (name, content) =>
      server.app.createPrompt(await admin(), { slug: `${scope}/${name}`, content }),
    edit: async (name, content) => {
      await server.app.editPrompt(await admin(), { slug: `${scope}/${name}`, content });
    },
    pull: (...args) => cli(['pull', folder, ...only(), ...args]),
    push: (...args) => cli(['push', folder, ...only(), ...args]),
    read: (name) => readFile(fileOf(name), 'utf8'),
    write: async (name, text) => {
      await mkdir(dirname(fileOf(name)), { recursive: true });
      await writeFile(fileOf(name), text);
    },
    history: async (name) => {
      type Page = {
        prompt: { versions: { edges: { node: { number: number; message: string | null } }[] } } | null;
      };
      const query =
        'query ($slug: String!) { prompt(slug: $slug) { versions(first: 100) { edges { node { number message } } } } }';
      const answer = await server.execute<Page, unknown>(query, { slug: `${scope}/${name}` });
      const edges = answer.data().prompt?.versions.edges ?? [];
      return edges.map(({ node }) => `${node.number} ${node.message ?? '-'}`).toReversed();
    },
  };
}

/** The file with other text below its settings. */
export function withBody(file: string, body: string): string {
  return file.replace(/\n---\n[^]*$/, `\n---\n${body}`);
}
