import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import type * as graphiqlPackage from '@graphql-yoga/render-graphiql/graphiql';

/** The texts that GraphiQL consists of, as its package holds them. */
export type GraphiqlParts = Readonly<
  Pick<typeof graphiqlPackage, 'js' | 'css' | 'editorWorkerService' | 'jsonWorker' | 'graphqlWorker'>
>;

// What graphiql-boot.ts calls; a bundle without it would give a blank page.
const entryPoint = 'renderYogaGraphiQL';

// Evaluating the package's 9 MB takes some 100 ms, in which this thread would serve and push nothing, and the
// module cache would keep them for good. A thread of its own costs neither.
const readPackage = `
  const { parentPort, workerData } = require('node:worker_threads');
  parentPort.postMessage({ ...require(workerData) });
`;

/**
 * Reads GraphiQL out of its package without blocking the event loop.
 * Throws when the package is missing or does not hold what this version of it did.
 */
export async function loadGraphiqlParts(): Promise<GraphiqlParts> {
  const require = createRequire(import.meta.url);
  const workerData = require.resolve('@graphql-yoga/render-graphiql/graphiql');
  const worker = new Worker(readPackage, { eval: true, workerData, execArgv: [] });
  const exported = await new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('The thread that reads the GraphiQL package gave no answer')));
  });
  return parseGraphiqlParts(exported);
}

/** Checks what the package exports, and names the first part that is not as expected. */
export function parseGraphiqlParts(exported: unknown): GraphiqlParts {
  const found = new Map<string, unknown>(Object.entries(exported ?? {}));
  const part = (name: keyof GraphiqlParts): string => {
    const text = found.get(name);
    if (typeof text === 'string' && text !== '') return text;
    throw unexpectedShape(`it exports no text named "${name}"`);
  };
  const js = part('js');
  if (!js.includes(entryPoint)) throw unexpectedShape(`its script defines no ${entryPoint}`);
  return {
    js,
    css: part('css'),
    editorWorkerService: part('editorWorkerService'),
    jsonWorker: part('jsonWorker'),
    graphqlWorker: part('graphqlWorker'),
  };
}

function unexpectedShape(fault: string): Error {
  return new Error(`@graphql-yoga/render-graphiql is not as expected: ${fault}. Another version of it?`);
}
