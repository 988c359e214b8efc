import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

import { graphiqlBootScript } from './graphiql-boot.ts';
import type { ContentEncoding } from './graphiql-encoding.ts';
import { exampleOperations } from './graphiql-examples.ts';
import type { GraphiqlParts } from './graphiql-parts.ts';

/** One static file. `hash` is of its content and part of its path, so the path never means anything else. */
export type GraphiqlAsset = Readonly<{
  path: string;
  contentType: string;
  hash: string;
  /** Compresses at the first call for an encoding, and keeps the result. */
  encoded(encoding: ContentEncoding): Promise<Buffer>;
}>;

export type GraphiqlAssets = Readonly<Record<'boot' | 'script' | 'style' | 'icon', GraphiqlAsset>> &
  Readonly<{ byPath: ReadonlyMap<string, GraphiqlAsset> }>;

type AssetsOptions = Readonly<{ endpoint: string; assetsPath: string; title: string }>;

const mark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32"><rect width="32" height="32" rx="7" fill="#2f2a55"/><path d="M9 9l7 7-7 7" fill="none" stroke="#ffb454" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/><path d="M18 23h6" stroke="#fff" stroke-width="3.5" stroke-linecap="round"/></svg>`;

/** Cuts GraphiQL into files for one place on the server: their paths carry `assetsPath`. */
export function buildGraphiqlAssets(parts: GraphiqlParts, options: AssetsOptions): GraphiqlAssets {
  const file = (name: string, extension: keyof typeof contentTypes, text: string) =>
    createAsset(options.assetsPath, name, extension, text);
  const script = file('graphiql', 'js', parts.js);
  const style = file('graphiql', 'css', parts.css);
  const icon = file('icon', 'svg', mark);
  const editorWorker = file('editor-worker', 'js', parts.editorWorkerService);
  const jsonWorker = file('json-worker', 'js', parts.jsonWorker);
  const graphqlWorker = file('graphql-worker', 'js', parts.graphqlWorker);
  const bootText = graphiqlBootScript({
    endpoint: options.endpoint,
    titleHtml: escapeHtml(options.title),
    logoHtml: mark,
    operations: exampleOperations,
    workers: { editorWorkerService: editorWorker.path, json: jsonWorker.path, graphql: graphqlWorker.path },
  });
  const boot = file('boot', 'js', bootText);
  const all = [boot, script, style, icon, editorWorker, jsonWorker, graphqlWorker];
  return { boot, script, style, icon, byPath: new Map(all.map((asset) => [asset.path, asset])) };
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const contentTypes = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

function createAsset(
  assetsPath: string,
  name: string,
  extension: keyof typeof contentTypes,
  text: string,
): GraphiqlAsset {
  const content = Buffer.from(text);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 20);
  const cache = new Map<ContentEncoding, Promise<Buffer>>();
  return {
    path: `${assetsPath}${name}-${hash}.${extension}`,
    contentType: contentTypes[extension],
    hash,
    encoded(encoding) {
      const known = cache.get(encoding);
      if (known !== undefined) return known;
      const body = compress(content, encoding);
      cache.set(encoding, body);
      // A failure is not kept: the next request tries again.
      body.catch(() => cache.delete(encoding));
      return body;
    },
  };
}

// Quality 5 compresses the 5 MB script in a quarter of a second; the best one would take ten, to save a tenth.
async function compress(content: Buffer, encoding: ContentEncoding): Promise<Buffer> {
  if (encoding === 'identity') return content;
  if (encoding === 'gzip') return promisify(gzip)(content);
  return promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}
