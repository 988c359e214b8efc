import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt } from './registry.ts';

const WORKERS = 64;
const TAGS = 40;
const OPERATIONS = 20_000;
/** A busy machine answers fewer in this time, and that is no fault: what counts is that none is wrong. */
const TIME_MAX_MS = 12_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (let tag = 0; tag < TAGS; tag += 1)
    await createPrompt(server, `tagged/${tag}`, {
      owner: `owner ${tag}`,
      content: { template: `text ${tag}` },
    });
  // What the application does not check and the database does: the statement fails in the middle of a transaction.
  await server.database.query(`ALTER TABLE "prompt" ADD CONSTRAINT planted CHECK (owner NOT LIKE 'breaks%')`);
});
afterAll(() => server.close());

interface Tagged {
  readonly data?: {
    readonly prompt?: {
      readonly slug: string;
      readonly owner: string;
      readonly version: { readonly template: string };
    } | null;
    readonly editPrompt?: { readonly template: string };
  } | null;
  readonly errors?: readonly {
    readonly path?: readonly string[];
    readonly extensions: { readonly code: string };
  }[];
}

const READ = 'query ($slug: String!) { prompt(slug: $slug) { slug owner version(number: 1) { template } } }';
/** Writes nothing, inside a transaction that locks and reads. */
const EDIT = `mutation ($slug: String!, $template: String!) {
  editPrompt(input: { slug: $slug, content: { template: $template }, onlyIfChanged: true }) { ... on PromptVersion { template } } }`;
const BREAK = `mutation ($slug: String!) {
  broken: createPrompt(input: { slug: $slug, owner: "breaks", content: { template: "x" } }) { __typename } }`;

async function send(query: string, variables: object): Promise<Tagged> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Tagged;
}

/** Asks one question. @returns what is wrong with the answer, or null. */
async function ask(n: number): Promise<string | null> {
  const tag = (n * 7919) % TAGS;
  const slug = `tagged/${tag}`;
  const template = `text ${tag}`;
  if (n % 20 === 0) {
    const answer = await send(BREAK, { slug: `broken/${n}` });
    const isRight =
      answer.errors?.[0]?.path?.[0] === 'broken' &&
      answer.errors[0].extensions.code === 'INTERNAL_SERVER_ERROR';
    return isRight ? null : `${n}: ${JSON.stringify(answer)}`;
  }
  if (n % 20 === 1) {
    const answer = await send(EDIT, { slug, template });
    return answer.data?.editPrompt?.template === template ? null : `${slug}: ${JSON.stringify(answer)}`;
  }
  const answer = await send(READ, { slug });
  const prompt = answer.data?.prompt;
  const isRight =
    prompt?.slug === slug && prompt.owner === `owner ${tag}` && prompt.version.template === template;
  return isRight && answer.errors === undefined ? null : `${slug}: ${JSON.stringify(answer)}`;
}

describe('many clients at once', () => {
  it('each get the answer to their own question, while one in twenty breaks inside a transaction', async () => {
    const wrong: string[] = [];
    const ends = Date.now() + TIME_MAX_MS;
    let started = 0;
    const worker = async () => {
      while (started < OPERATIONS && Date.now() < ends) {
        started += 1;
        const fault = await ask(started);
        if (fault !== null) wrong.push(fault);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(started).toBeGreaterThan(5 * WORKERS);
  }, 60_000);
});
