import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSchema } from '../../src/schema/schema.ts';
import { DocumentRules } from '../../src/server/document-rules.ts';
import { Operations } from '../../src/server/operations.ts';
import { cpuMs } from '../support/cpu.ts';
import { HOSTILE_DOCUMENTS } from '../support/hostile-documents.ts';
import type { HostileDocument } from '../support/hostile-parts.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';

const CPU_MS_MAX = 10;
/** What a WebSocket takes at most: larger ones are closed with 1009. */
const MESSAGE_BYTES_MAX = 64 * 1024;

const all = HOSTILE_DOCUMENTS.map((document) => [document.name, document] as const);
const schema = createSchema();
const rules = new DocumentRules(schema, { introspection: true, graphiql: true, suggestions: false });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  // Warm: what a first request compiles and connects is not what a document costs.
  (await server.execute('{ viewer { role } }')).data();
});
afterAll(() => server.close());

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

/** What is sent of a request; a part of it is JSON text already. */
const bodyOf = ({ query, variables, operationName }: HostileDocument) => {
  const rest = variables === undefined ? '' : `,"variables":${variables}`;
  return `${JSON.stringify({ query, operationName }).slice(0, -1)}${rest}}`;
};

async function send(document: HostileDocument, accept = 'application/json'): Promise<string> {
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json', accept },
    body: bodyOf(document),
  });
  return answer.text();
}

/** Refused as such, with few and short errors, and nothing was executed: there is no data, not even null. */
function expectRefused({ data, errors = [] }: Answer, { code, limit }: HostileDocument): void {
  expect(data).toBeUndefined();
  const expected = { code, ...(limit === undefined ? {} : { limit }) };
  expect(errors.map(({ extensions }) => extensions)).toContainEqual(expect.objectContaining(expected));
  expect(errors.length).toBeLessThanOrEqual(6);
  expect(JSON.stringify(errors).length).toBeLessThan(20_000);
  expect(JSON.stringify(errors)).not.toMatch(/node_modules|at \w+ \(|INTERNAL_SERVER_ERROR/);
}

describe(`${HOSTILE_DOCUMENTS.length} hostile documents`, () => {
  it('are at least 40, each with a name of its own', () => {
    expect(new Set(HOSTILE_DOCUMENTS.map(({ name }) => name)).size).toBe(HOSTILE_DOCUMENTS.length);
    expect(HOSTILE_DOCUMENTS.length).toBeGreaterThanOrEqual(40);
  });

  it.each(all)('over HTTP are refused before anything is executed: %s', async (_name, document) => {
    server.statements.length = 0;
    expectRefused(JSON.parse(await send(document)) as Answer, document);
    expect(server.statements.filter((sql) => /"(prompt|channel|workspace|event)"/.test(sql))).toEqual([]);
    expect(server.logged.filter(({ level }) => level >= 40)).toEqual([]);
  });

  it.each(all)(
    'cost at most 10 ms of CPU: %s',
    (_name, { query, variables: text = '{}', operationName = null }) => {
      const variables = JSON.parse(text) as Record<string, unknown>;
      const refuse = () => {
        // Another one each time: it would remember the text.
        const operations = new Operations(schema, rules);
        const operation = operations.prepare({ query, operationName, variables });
        if ('length' in operation) return operation;
        return operations.variableErrors(operation);
      };
      expect(refuse().length).toBeGreaterThan(0);
      expect(cpuMs(refuse, CPU_MS_MAX)).toBeLessThan(CPU_MS_MAX);
    },
  );

  it.each(all)('as event streams are refused as well: %s', async (_name, document) => {
    const text = await send(document, 'text/event-stream');
    const data = /^data: ?(.*)$/m.exec(text)?.[1] ?? text;
    expect(data).toContain('"errors"');
    expectRefused(JSON.parse(data) as Answer, document);
  });

  it.each(all.filter(([, document]) => bodyOf(document).length < MESSAGE_BYTES_MAX - 100))(
    'over WebSocket are refused, and the connection goes on: %s',
    async (_name, document) => {
      const socket = await openAcknowledged(server.url, server.adminKey);
      socket.send(`{"id":"h","type":"subscribe","payload":${bodyOf(document)}}`);
      const { type, payload } = await socket.next();
      expect(type).toBe('error');
      expectRefused({ errors: payload as NonNullable<Answer['errors']> }, document);
      await socket.expectNothing();
      socket.close();
    },
  );
});
