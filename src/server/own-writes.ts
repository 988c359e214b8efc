import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Plugin } from 'graphql-yoga';
import { createApp } from '../actions/app.ts';
import type { App } from '../actions/app.ts';
import type { ActionDeps, Commit } from '../db/transaction.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';

const CURSOR = 'X-PromptForge-Cursor';

/** The actions, for one request, which hears of what it commits. */
export type NewApp = (onCommitted?: (commit: Commit) => void) => App;

export function recordingApp(deps: ActionDeps): NewApp {
  return (onCommitted) =>
    createApp({
      ...deps,
      onCommit: (commit) => {
        onCommitted?.(commit);
        return deps.onCommit(commit);
      },
    });
}

/** What one request has committed. */
export interface OwnWrites {
  readonly app: App;
  /** The end of its last commit; null: it committed nothing. */
  readonly cursor: () => string | null;
}

export function recordWrites(newApp: NewApp): OwnWrites {
  let last: Commit | null = null;
  const app = newApp((commit) => {
    last = commit;
  });
  return { app, cursor: () => (last === null ? null : encodeFeedCursor(last)) };
}

interface WritesContext {
  readonly writes: OwnWrites;
  readonly res: ServerResponse;
}

/** The answer with the cursor of what its request has committed, if it has. */
export function withCursor(result: ExecutionResult, writes: OwnWrites): ExecutionResult {
  const cursor = writes.cursor();
  if (cursor === null) return result;
  return { ...result, extensions: { ...result.extensions, [CURSOR]: cursor } };
}

/** An answer to what was committed tells its cursor, in a header and in the extensions: also when the answer itself is an error. */
export function answerWithCursor(): Plugin<WritesContext> {
  return {
    onExecute: ({ args }) => ({
      onExecuteDone: ({ result, setResult }) => {
        const { writes, res } = args.contextValue;
        const cursor = writes.cursor();
        if (cursor === null || isAsyncIterable(result)) return;
        if (!res.headersSent) res.setHeader(CURSOR, cursor);
        setResult(withCursor(result, writes));
      },
    }),
  };
}
