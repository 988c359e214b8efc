import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSchema } from '../../src/schema/schema.ts';
import { DocumentRules } from '../../src/server/document-rules.ts';
import { Documents } from '../../src/server/documents.ts';
import { Operations } from '../../src/server/operations.ts';

const schema = createSchema();
const rules = new DocumentRules(schema, { introspection: true, graphiql: true, suggestions: true });
const WORKSPACES_MAX = 16;

const largeOf = (letter: string) => `#${letter.repeat(500 * 1024)}\n{ __typename }`;
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

it('registered documents have 1 MiB in each workspace and 16 MiB in all; who was there last loses nothing', () => {
  const documents = new Documents(new Operations(schema, rules), null);
  const isKnown = (workspaceId: string, query: string) => {
    try {
      return documents.textOf(workspaceId, { documentId: hashOf(query) }) === query;
    } catch {
      return false;
    }
  };
  const [first = '', second = '', third = ''] = ['a', 'b', 'c'].map(largeOf);
  for (let n = 0; n < WORKSPACES_MAX; n += 1) {
    for (const query of [first, second, third])
      documents.textOf(`${n}`, { query, documentId: hashOf(query) });
    expect(['0', `${n}`].map((id) => [first, second, third].map((query) => isKnown(id, query)))).toEqual([
      [false, true, true],
      [false, true, true],
    ]);
  }
  documents.textOf('another', { query: first, documentId: hashOf(first) });
  expect(isKnown('another', first)).toBe(true);
  expect(isKnown('0', second)).toBe(true);
  documents.textOf('another', { query: second, documentId: hashOf(second) });
  expect(isKnown('1', second)).toBe(false);
  expect(isKnown('0', second)).toBe(true);
  expect(isKnown('2', second)).toBe(true);
});
