import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cyclesOf, importsOf, readSources, statementsOf, withoutComments } from './support/import-graph.ts';
import type { Import, Sources } from './support/import-graph.ts';

// ARCHITECTURE.md, "Who may import whom": a row is the importing room, a missing cell is a forbidden import.
const HOUSE = {
  domain: 'yes',
  db: 'yes',
  actions: 'yes',
  realtime: 'yes',
  delivery: 'yes',
  schema: 'yes',
  server: 'yes',
} as const;
const TABLE: Readonly<Record<string, Readonly<Record<string, Cell>>>> = {
  domain: { domain: 'yes' },
  db: { domain: 'yes', db: 'yes' },
  actions: { domain: 'yes', db: 'yes', actions: 'app.ts binds all' },
  realtime: { domain: 'yes', db: 'yes', realtime: 'yes' },
  delivery: { domain: 'yes', db: 'yes', realtime: 'yes', delivery: 'yes' },
  schema: {
    domain: 'yes',
    db: 'types, loaders',
    actions: 'types of app.ts',
    realtime: 'types',
    delivery: 'types',
    schema: 'shared files',
  },
  server: HOUSE,
  sdk: { sdk: 'yes', domain: 'template.ts' },
  cli: { sdk: 'yes', cli: 'yes', domain: 'rules of a line' },
  entry: { ...HOUSE, cli: 'yes' },
};

type Cell = keyof typeof CELLS;
const CELLS = {
  yes: () => true,
  types: ({ typesOnly }: Edge) => typesOnly,
  'template.ts': ({ to }: Edge) => to === 'domain/template.ts',
  'rules of a line': ({ to }: Edge) => LINE_RULES.includes(to),
  'app.ts binds all': ({ from }: Edge) => from === 'actions/app.ts',
  'types of app.ts': ({ to, typesOnly }: Edge) => typesOnly && to === 'actions/app.ts',
  'types, loaders': ({ from, to, typesOnly }: Edge) =>
    typesOnly ||
    /loader|keyset|cursor/.test(posix.basename(to)) ||
    (from === 'schema/builder.ts' && to === DATAMODEL),
  // schema.ts binds all nouns, as app.ts does for actions.
  'shared files': ({ from, to }: Edge) => from === 'schema/schema.ts' || SHARED_SCHEMA.test(to),
} as const;

/** The generated description of the tables that Pothos' Prisma plugin needs at run time. */
const DATAMODEL = 'db/generated/pothos.ts';
/** What `promptforge import` checks a line with before it sends anything: docs/decisions/0018; and the form in which CHAT is shown and edited. */
const LINE_RULES = ['errors.ts', 'prompt.ts', 'template.ts', 'version.ts', 'version-chat.ts'].map(
  (name) => `domain/${name}`,
);
const SHARED_SCHEMA =
  /^schema\/(builder|context|errors|scalars|event|connection\.ts|node-id\.ts|mutation\.ts|visible\.ts|grant\.ts|content-input\.ts|from-snapshot\.ts|served-then\.ts|version-diff-from\.ts|promotion-standing-of\.ts)/;
const ENTRIES = [
  'main.ts',
  'cli/serve.ts',
  'cli/migrate.ts',
  'cli/keys.ts',
  'cli/backup.ts',
  'cli/restore.ts',
  'cli/doctor.ts',
];
const READS_ENVIRONMENT = [...ENTRIES, 'cli/main.ts'];
const ENVIRONMENT =
  /\bprocess\s*(\?\.|\.|\[\s*['"])\s*env\b|\{[^}]*\benv\b[^}]*\}\s*(=\s*process\b|from 'node:process')/;

/** A file belongs to the group of its name (`version.ts`, `version-content.ts`); helpers that stand in none come first. */
const DOMAIN_ORDER = [
  ['ids', 'clock', 'actor', 'errors'],
  // JSON values are typed in template.ts, which imports nothing so that the SDK can take it along.
  ['template', 'json', 'canonical-json'],
  ['prompt'],
  ['version'],
  ['channel'],
  ['api-key', 'member'],
  ['evaluation'],
  ['approval', 'policy'],
  ['promotion'],
  ['event'],
];
const DOMAIN_PACKAGES = ['node:crypto', 'canonicalize', 'diff', 'uuid'];
const LINES_MAX = 300;

interface Edge extends Import {
  readonly to: string;
}

const isEdge = (edge: Import): edge is Edge => edge.to !== null;

function roomOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf('/'))) || path;
}

function brokenTable(edge: Edge): boolean {
  const cell = TABLE[ENTRIES.includes(edge.from) ? 'entry' : roomOf(edge.from)]?.[roomOf(edge.to)];
  return cell === undefined || !CELLS[cell](edge);
}

/** The one package that the SDK needs, by the file that needs it; and the disk, of which the core knows nothing. */
function isAllowedInSdk({ from, specifier }: Import): boolean {
  if (from === 'sdk/websocket.ts') return specifier === 'graphql-ws/client';
  return /^sdk\/disk[^/]*$/.test(from) && specifier.startsWith('node:');
}

function domainGroup(path: string): number {
  const name = posix.basename(path, '.ts');
  const group = DOMAIN_ORDER.findIndex((names) =>
    names.some((noun) => name === noun || name.startsWith(`${noun}-`)),
  );
  return Math.max(group, 0);
}

function brokenDomain({ from, to, specifier }: Import): boolean {
  if (roomOf(from) !== 'domain') return false;
  if (to === null) return !DOMAIN_PACKAGES.includes(specifier);
  return roomOf(to) === 'domain' && domainGroup(to) > domainGroup(from);
}

function fileFaults(path: string, text: string, imports: readonly Import[]): string[] {
  const code = statementsOf(text);
  // Keeps the pattern of importsOf honest: an import that it cannot read would be an import that nobody checks.
  const importLines = code.match(/^import\b(?!\s*[(.])/gm)?.length ?? 0;
  const faults = {
    'belongs to no room': !(roomOf(path) in TABLE) && !ENTRIES.includes(path),
    'reads the environment': ENVIRONMENT.test(withoutComments(text)) && !READS_ENVIRONMENT.includes(path),
    'has a default export': /^export\s+(default\b|\{[^}]*\bas\s+default\b)/m.test(code),
    'is a barrel': /^export\s+\*/m.test(code),
    'is too long': text.trimEnd().split('\n').length > LINES_MAX,
    'has an import that this test cannot read': importLines > imports.length,
  };
  return Object.entries(faults).flatMap(([fault, found]) => (found ? [`${path} ${fault}`] : []));
}

/** Everything in `sources` that breaks a rule of the house, one sentence each. */
function faultsOf(sources: Sources): string[] {
  const all: Import[] = [];
  const faults: string[] = [];
  for (const [path, text] of sources) {
    const imports = importsOf(path, text);
    all.push(...imports);
    faults.push(...fileFaults(path, text, imports));
  }
  for (const edge of all) {
    const say = (fault: string) => faults.push(`${edge.from} imports ${edge.specifier}: ${fault}`);
    if (isEdge(edge) && brokenTable(edge)) say('not in the table');
    if (isEdge(edge) && !edge.to.endsWith('.ts')) say('no .ts extension');
    if (brokenDomain(edge)) say('against the order of the domain');
    if (roomOf(edge.from) === 'sdk' && !isEdge(edge) && !isAllowedInSdk(edge)) say('the SDK stands alone');
  }
  return [...faults, ...cyclesOf(all).map((cycle) => `cycle: ${cycle}`)];
}

/** What must be reported, one file a line: `path: code`. The whole of ALLOWED stands around it. */
const VIOLATIONS: Readonly<Record<string, readonly string[]>> = {
  'not in the table': [
    "domain/prompt.ts: import { a } from '../db/client.ts';",
    "db/client.ts: import { a } from '../actions/app.ts';",
    "actions/edit-prompt.ts: import { a } from './promote-version.ts';",
    "realtime/feed.ts: import { a } from '../delivery/snapshot.ts';",
    "delivery/snapshot.ts: import type { A } from '../schema/context.ts';",
    "schema/prompt.ts: import { type A, b } from '../db/client.ts';",
    "schema/prompt.ts: import { a } from '../db/generated/pothos.ts';",
    "schema/prompt.ts: import type { A } from '../actions/edit-prompt.ts';",
    "schema/prompt.ts: import { a } from '../actions/app.ts';",
    "schema/event.ts: import a from '../realtime/feed.ts';",
    "schema/event.ts: import a, { type B } from '../delivery/snapshot.ts';",
    "schema/prompt.ts: import type { A } from './version.ts';",
    "schema/builder.ts: import { a } from './prompt.ts';",
    "server/rest.ts: import { a } from '../sdk/client.ts';",
    "server/rest.ts: import { a } from '../../test/support/clock.ts';",
    "sdk/client.ts: import type { A } from '../domain/prompt.ts';",
    "cli/promote.ts: import { a } from '../db/client.ts';",
    "cli/import.ts: import { a } from '../domain/promotion.ts';",
    "cli/serve.ts: import { a } from '../sdk/client.ts';",
    "domain/ids.ts: const a = await import('../db/client.ts');",
    "domain/ids.ts: import '../db/client.ts';",
    "domain/ids.ts: import * as db from '../db/client.ts';",
    "domain/ids.ts: import {\n  a,\n  // why\n  b,\n} from '../db/client.ts';",
    "domain/ids.ts: export { a } from '../db/client.ts';",
    "domain/ids.ts: export type { A } from '../db/client.ts';",
  ],
  'against the order of the domain': [
    "domain/prompt.ts: import type { A } from './version.ts';",
    "domain/text.ts: import { a } from './prompt.ts';",
    "domain/template.ts: import { a } from './prompt.ts';",
    "domain/prompt.ts: import { a } from 'node:fs';",
    "domain/prompt.ts: import { a } from 'zod';",
  ],
  'the SDK stands alone': [
    "sdk/client.ts: import { a } from 'graphql';",
    "sdk/a.ts: import { a } from 'node:fs';",
    "sdk/a.ts: import { a } from 'graphql-ws/client';",
    "sdk/websocket.ts: import { a } from 'graphql-ws';",
    "sdk/websocket.ts: import { a } from 'node:fs';",
    "sdk/disk.ts: import { a } from 'ws';",
  ],
  'no .ts extension': [
    "domain/prompt.ts: import { a } from './ids';",
    "domain/prompt.ts: import { a } from './ids.js';",
  ],
  'reads the environment': [
    'server/config.ts: const home = process.env.HOME;',
    "server/config.ts: const home = process['env']['HOME'];",
    "server/config.ts: import { env } from 'node:process';",
    'server/config.ts: const { env } = process;',
    'server/config.ts: const home = `${process.env.HOME}/data`;',
  ],
  'belongs to no room': ['utils/text.ts: const a = 1;', 'config.ts: const a = 1;'],
  'has a default export': [
    'domain/ids.ts: export default 1;',
    'domain/ids.ts: const a = 1;\nexport { a as default };',
  ],
  'is a barrel': ["domain/ids.ts: export * from './errors.ts';"],
  'is too long': [`domain/ids.ts: ${'// line\n'.repeat(301)}`],
  'cannot read': ["domain/ids.ts: import a = require('./errors.ts');"],
  'cycle: db/a.ts -> db/a.ts': ["db/a.ts: import { a } from './a.ts';"],
  'cycle: db/keyset.ts -> db/rows.ts -> db/keyset.ts': ["db/rows.ts: import type { A } from './keyset.ts';"],
};

const ALLOWED = [
  "actions/app.ts: import { a } from './edit-prompt.ts';",
  "actions/edit-prompt.ts: import { a } from '../db/keyset.ts';",
  "db/keyset.ts: import { a } from './rows.ts';",
  "schema/builder.ts: import { a } from '../db/generated/pothos.ts';",
  "schema/context.ts: import type { App } from '../actions/app.ts';",
  "schema/prompt.ts: import { a } from '../db/keyset.ts';",
  "schema/channel.ts: import { type A, type B } from '../delivery/snapshot.ts';",
  "schema/version.ts: import { a } from './event-payload.ts';",
  "schema/schema.ts: import { a } from './prompt.ts';",
  "sdk/render.ts: import { a } from '../domain/template.ts';",
  "sdk/websocket.ts: import { a } from 'graphql-ws/client';",
  "sdk/disk.ts: import { a } from 'node:fs';",
  "cli/main.ts: import { a } from './serve.ts';\nimport { b } from 'commander';",
  "cli/serve.ts: import { a } from '../server/http.ts';",
  "cli/import-line.ts: import { a } from '../domain/version.ts';",
  "domain/version-content.ts: import { a } from './prompt.ts';\nimport { b } from 'node:crypto';",
  "main.ts: import { a } from './db/client.ts';\nconst port = process.env['PORT'];",
  "server/page.ts: const script = `\nimport a from '../sdk/a.ts';\nexport default a;`; // process.env, import('../sdk/a.ts')",
];

function planted(files: readonly string[]): Sources {
  return new Map(
    files.map((file): [string, string] => [
      file.slice(0, file.indexOf(': ')),
      file.slice(file.indexOf(': ') + 2),
    ]),
  );
}

describe('the house', () => {
  it('holds its own rules', () => {
    const sources = readSources(fileURLToPath(new URL('../src', import.meta.url)));
    expect(sources.size).toBeGreaterThan(10);
    expect(faultsOf(sources)).toEqual([]);
  });

  it('allows what the table allows', () => {
    expect(faultsOf(planted(ALLOWED))).toEqual([]);
  });

  const violations = Object.entries(VIOLATIONS).flatMap(([fault, files]) =>
    files.map((file) => [fault, file.replaceAll('\n', ' ').slice(0, 80), file] as const),
  );
  it.each(violations)('reports as "%s" and as nothing else: %s', (fault, _start, file) => {
    const faults = faultsOf(planted([...ALLOWED, file]));
    expect(faults).toEqual([expect.stringContaining(fault)]);
  });
});
