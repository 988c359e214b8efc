import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import type { Documents, NamedDocument } from './documents.ts';
import type { OperationParams } from './operations.ts';

/** An operation as it stands in a body or a query string. */
export interface RequestParams extends NamedDocument, Omit<OperationParams, 'query'> {
  readonly extensions: Readonly<Record<string, unknown>>;
  /** Members that no operation has. */
  readonly hasMore: boolean;
}

const NOTHING = {};
const MEMBERS = new Set(['query', 'documentId', 'operationName', 'variables', 'extensions']);

/** Null: what is there is not as it should be, and Yoga says how. */
export function paramsOf(req: IncomingMessage, body: Buffer): RequestParams | null {
  try {
    if (req.method === 'GET') return paramsOfQuery(req.url ?? '');
    if (req.method !== 'POST' || !isJson(req.headers['content-type']) || !isUtf8(body)) return null;
    return paramsOfJson(JSON.parse(body.toString()));
  } catch {
    return null;
  }
}

/** With the text that is to be executed. Null: there is none, or it is refused, and Yoga says why. */
export function operationOf(
  documents: Documents,
  workspaceId: string,
  params: RequestParams,
): OperationParams | null {
  const { operationName, variables } = params;
  try {
    const query = documents.textOf(workspaceId, params);
    return query === undefined ? null : { query, operationName, variables };
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

function isJson(contentType = ''): boolean {
  const [type = ''] = contentType.split(/[;,]/, 1);
  return type.toLowerCase() === 'application/json';
}

function paramsOfQuery(url: string): RequestParams | null {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  // As Yoga reads them: what is empty was left out.
  const text = (name: string) => query.get(name) || undefined;
  const json = (name: string): unknown => JSON.parse(text(name) ?? '{}');
  return paramsOfJson({
    query: text('query'),
    documentId: text('documentId'),
    operationName: text('operationName'),
    variables: json('variables'),
    extensions: json('extensions'),
  });
}

function paramsOfJson(value: unknown): RequestParams | null {
  // No rest of the members: an object of its own for every request.
  const params = value as Readonly<Record<string, unknown>>;
  const { query, documentId, operationName = null } = params;
  if (query !== undefined && query !== null && typeof query !== 'string') return null;
  if (operationName !== null && typeof operationName !== 'string') return null;
  const variables = params['variables'] ?? NOTHING;
  const extensions = params['extensions'] ?? NOTHING;
  if (!isObject(variables) || !isObject(extensions)) return null;
  const hasMore = Object.keys(params).some((name) => !MEMBERS.has(name));
  return { query, documentId, operationName, variables, extensions, hasMore };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
