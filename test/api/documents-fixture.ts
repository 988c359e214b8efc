import { createHash } from 'node:crypto';
import type { TestServer } from '../support/server.ts';

export const NUMBER =
  'query Number($slug: String!) { prompt(slug: $slug) { version(channel: "stable") { number } } }';
export const variables = { slug: 'named/text' };
export const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
export const named = (text: string) => ({ persistedQuery: { version: 1, sha256Hash: hashOf(text) } });

interface Answered {
  readonly status: number;
  readonly data?: unknown;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

export async function post(
  server: TestServer,
  body: object,
  {
    accept = 'application/graphql-response+json',
    key = server.adminKey,
  }: { readonly accept?: string; readonly key?: string | undefined } = {},
): Promise<Answered> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept };
  return answered(
    await fetch(`${server.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) }),
  );
}

export async function get(server: TestServer, parameters: Record<string, unknown>): Promise<Answered> {
  const query = Object.entries(parameters).map(
    ([name, value]) =>
      `${name}=${encodeURIComponent(typeof value === 'string' ? value : JSON.stringify(value))}`,
  );
  return answered(await server.get(`/graphql?${query.join('&')}`));
}

export async function answered(response: Response): Promise<Answered> {
  const { data, errors } = (await response.json()) as {
    data?: unknown;
    errors?: { message: string; extensions: { code: string } }[];
  };
  return { status: response.status, data, code: errors?.[0]?.extensions.code, message: errors?.[0]?.message };
}

export const SERVED = { status: 200, data: { prompt: { version: { number: 1 } } } };
