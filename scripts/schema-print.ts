// Prints the GraphQL schema to schema.graphql, or, with --check, fails when the committed file is not what the code says.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printSchema } from 'graphql';
import { createSchema } from '../src/schema/schema.ts';

const file = join(import.meta.dirname, '..', 'schema.graphql');
const printed = `${printSchema(createSchema())}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, printed);
} else if (readFileSync(file, 'utf8') !== printed) {
  console.error('schema.graphql is stale: run npm run schema');
  process.exit(1);
}
