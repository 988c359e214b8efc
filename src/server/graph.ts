import type { GraphQLSchema } from 'graphql';
import { createSchema } from '../schema/schema.ts';
import type { Config } from './config.ts';
import { DocumentRules } from './document-rules.ts';
import { Documents } from './documents.ts';
import { Operations } from './operations.ts';
import { readTrustedDocuments } from './trusted-documents.ts';

/** The schema, and what is asked of it. */
export interface Graph {
  readonly schema: GraphQLSchema;
  readonly rules: DocumentRules;
  readonly operations: Operations;
  readonly documents: Documents;
}

/** Needs no database: what is wrong with the manifest is found before one is made. @throws ConfigInvalid */
export function createGraph({
  graphql: switches,
  trustedDocuments,
}: Pick<Config, 'graphql' | 'trustedDocuments'>): Graph {
  const schema = createSchema();
  const rules = new DocumentRules(schema, switches);
  const operations = new Operations(schema, rules);
  const trusted = trustedDocuments === null ? null : readTrustedDocuments(trustedDocuments, operations);
  return { schema, rules, operations, documents: new Documents(operations, trusted) };
}
