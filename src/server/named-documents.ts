import type { IncomingMessage } from 'node:http';
import type { Plugin } from 'graphql-yoga';
import type { Actor } from '../domain/actor.ts';
import type { Documents } from './documents.ts';

interface NamedContext {
  readonly req: IncomingMessage;
  readonly actor: Actor;
}

/** Puts the text in the place of the name, before Yoga looks for one. */
export function namedDocuments(documents: Documents): Plugin<object, NamedContext> {
  return {
    onParams: ({ params, setParams, context: { req, actor } }) => {
      // What is no object is refused by Yoga.
      if (typeof params !== 'object' || params === null) return;
      const named = req.method === 'GET' ? { ...params, documentId: documentIdOf(req) } : params;
      const query = documents.textOf(actor.workspaceId, named);
      if (query !== undefined && query !== params.query) setParams({ ...params, query });
    },
  };
}

/** Yoga knows nothing of it. */
function documentIdOf({ url = '' }: IncomingMessage): string | undefined {
  if (!url.includes('documentId=')) return undefined;
  return new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('documentId') ?? undefined;
}
