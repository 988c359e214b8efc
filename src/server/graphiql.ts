import type { IncomingMessage, ServerResponse } from 'node:http';

import { buildGraphiqlAssets, escapeHtml } from './graphiql-assets.ts';
import type { GraphiqlAsset, GraphiqlAssets } from './graphiql-assets.ts';
import { negotiateEncoding } from './graphiql-encoding.ts';
import { loadGraphiqlParts } from './graphiql-parts.ts';
import { SlicedAnswers } from './sliced-answers.ts';

type GraphiqlOptions = Readonly<{
  /** Path of the GraphQL endpoint, such as `/graphql`. */
  endpoint: string;
  /** Path under which the files are served, such as `/graphiql/`. */
  assetsPath: string;
  title: string;
}>;

export type Graphiql = Readonly<{
  /** Answers with the page. For GET and HEAD; what asks for it (`Accept: text/html`) is the caller's to decide. */
  page(req: IncomingMessage, res: ServerResponse): void;
  /** Answers when `path` (a URL's path, without its query) names one of the files, otherwise returns false. */
  asset(req: IncomingMessage, res: ServerResponse, path: string): boolean;
}>;

// Monaco writes its styles and colours as inline styles, and its fonts and icons are data: URLs.
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const fileName = /^[a-z-]+-[0-9a-f]{20}\.(?:js|css|svg)$/;

/**
 * GraphiQL as a small page and immutable files, all from this server.
 * The page signs itself in when its address ends in `#key=<URI-encoded API key>`. The package is read at the first
 * request; when that fails, the answer is a 500 and the reason a process warning.
 */
export function createGraphiql(options: GraphiqlOptions): Graphiql {
  const answers = new SlicedAnswers();
  let loading: Promise<GraphiqlAssets> | undefined;
  const load = (): Promise<GraphiqlAssets> => {
    loading ??= loadGraphiqlParts().then((parts) => buildGraphiqlAssets(parts, options));
    return loading;
  };
  const answer = (res: ServerResponse, respond: (assets: GraphiqlAssets) => void | Promise<void>): void => {
    load()
      .then(respond)
      .catch((error: unknown) => {
        loading = undefined;
        process.emitWarning(error instanceof Error ? error : String(error));
        sendText(res, 500, 'GraphiQL could not be loaded; the reason is in the log of the server.\n');
      });
  };
  return {
    page(req, res) {
      answer(res, (assets) => sendPage(req, res, pageHtml(options.title, assets)));
    },
    asset(req, res, path) {
      if (!path.startsWith(options.assetsPath)) return false;
      if (!fileName.test(path.slice(options.assetsPath.length))) return false;
      answer(res, (assets) => sendAsset(req, res, assets.byPath.get(path), answers));
      return true;
    },
  };
}

function pageHtml(title: string, assets: GraphiqlAssets): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${escapeHtml(title)}</title>
    <link rel="icon" href="${assets.icon.path}" />
    <link rel="stylesheet" href="${assets.style.path}" />
    <script defer src="${assets.boot.path}"></script>
    <script defer src="${assets.script.path}"></script>
    <style>
      body { margin: 0; }
      #root { height: 100vh; height: 100dvh; font-family: system-ui, sans-serif; }
      /* GraphiQL's drag animation moves a tab away under the pointer that presses it, so the click is lost. */
      .graphiql-tab { transform: none !important; }
    </style>
  </head>
  <body>
    <noscript>GraphiQL needs JavaScript.</noscript>
    <div id="root">Loading GraphiQL …</div>
  </body>
</html>
`;
}

function sendPage(req: IncomingMessage, res: ServerResponse, html: string): void {
  res.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(html),
    'cache-control': 'no-store',
    'content-security-policy': pagePolicy,
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    // The same URL answers GraphQL to clients that do not ask for HTML.
    vary: 'Accept',
  });
  res.end(req.method === 'HEAD' ? undefined : html);
}

async function sendAsset(
  req: IncomingMessage,
  res: ServerResponse,
  asset: GraphiqlAsset | undefined,
  answers: SlicedAnswers,
): Promise<void> {
  // A file of an older PromptForge, asked for by a page that was open during the upgrade.
  if (!asset) return sendText(res, 404, 'No such file; reload the page.\n');
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    return sendText(res.setHeader('allow', 'GET, HEAD'), 405, 'Only GET and HEAD.\n');
  }
  const encoding = negotiateEncoding(req.headers['accept-encoding']);
  const etag = `"${asset.hash}-${encoding}"`;
  res.setHeader('etag', etag);
  res.setHeader('cache-control', 'public, max-age=31536000, immutable');
  res.setHeader('vary', 'Accept-Encoding');
  if (hasTag(req.headers['if-none-match'], etag)) {
    res.writeHead(304).end();
    return;
  }
  const body = await asset.encoded(encoding);
  if (encoding !== 'identity') res.setHeader('content-encoding', encoding);
  res.writeHead(200, {
    'content-type': asset.contentType,
    'content-length': body.length,
    // For the workers, which take their policy from here: they compute and never load anything.
    'content-security-policy': "default-src 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  });
  if (req.method === 'HEAD') res.end();
  else answers.send(res, body);
}

function hasTag(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

function sendText(res: ServerResponse, status: number, text: string): void {
  if (res.headersSent) return;
  res.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  res.end(text);
}
