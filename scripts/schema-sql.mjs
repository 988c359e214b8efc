// Prints the SQL that creates prisma/schema.prisma from nothing: the raw material of a new migration. Offline; touches no database.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
const wasmFile = join(
  require.resolve('@prisma/schema-engine-wasm/schema_engine_bg'),
  '..',
  'schema_engine_bg.wasm',
);
const { instance } = await WebAssembly.instantiate(readFileSync(wasmFile), {
  './schema_engine_bg.js': bindings,
});
bindings.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

const schemaFile = join(import.meta.dirname, '..', 'prisma', 'schema.prisma');
const content = readFileSync(schemaFile, 'utf8');
// The engine wants an adapter before it diffs two texts; this one answers what it asks of a connection at start and nothing else.
const ok = (value) => ({ ok: true, value, map: () => ok(value), flatMap: (f) => f(value) });
const emptyResult = { columnNames: [], columnTypes: [], rows: [] };
const connection = {
  provider: 'postgres',
  adapterName: 'offline',
  queryRaw: async () => ok(emptyResult),
  executeRaw: async () => ok(0),
  executeScript: async () => ok(undefined),
  getConnectionInfo: () => ok({ schemaName: 'public', supportsRelationJoins: true }),
  startTransaction: async () => ok(connection),
  dispose: async () => ok(undefined),
};
const adapterFactory = {
  provider: 'postgres',
  adapterName: 'offline',
  errorRegistry: { consumeError: () => undefined },
  connect: async () => ok(connection),
  connectToShadowDb: async () => ok(connection),
};

const engine = await bindings.SchemaEngine.new(
  { datamodels: [['schema.prisma', content]] },
  () => {},
  adapterFactory,
);
const { stdout } = await engine.diff({
  from: { tag: 'empty' },
  to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] },
  script: true,
  exitCode: null,
  filters: { externalTables: [], externalEnums: [] },
});
process.stdout.write(stdout ?? '');
