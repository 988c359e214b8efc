/**
 * A backend that answers customers. Its prompt lives in PromptForge: a promotion there changes the next answer here, without a deployment, and a
 * PromptForge that is away changes nothing.
 *
 *   POST /chat {"customer": "Ada", "message": "..."} -> {"answer", "promptVersion"}
 *   GET /status                                      -> what the client knows of its connection
 */
import { createServer } from 'node:http';
import { createPromptForge } from 'promptforge/client';
import { diskCache } from 'promptforge/client/disk';
import { complete } from './model.js';

const PROMPT = 'support/assistant';
const {
  PROMPTFORGE_URL,
  PROMPTFORGE_API_KEY,
  CACHE_FILE = 'support-assistant.prompts.json',
  PORT = '4100',
} = process.env;

const prompts = createPromptForge({
  url: PROMPTFORGE_URL ?? 'http://127.0.0.1:4000',
  apiKey: PROMPTFORGE_API_KEY,
  prompts: ['support/*'],
  cache: diskCache(CACHE_FILE),
});
prompts.on('promoted', ({ slug, from, to }) => console.log(`${slug}: version ${from} -> ${to}`));

const { source } = await prompts.ready({ timeoutMs: 10_000 });

const server = createServer((request, response) => {
  const send = (status, answer) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`);
  route(request).then(
    ([status, answer]) => send(status, answer),
    (error) => {
      console.error(error);
      send(500, { error: 'internal error' });
    },
  );
});

async function route(request) {
  if (request.method === 'GET' && request.url === '/status') return [200, prompts.status()];
  if (request.method !== 'POST' || request.url !== '/chat')
    return [404, { error: 'POST /chat, or GET /status' }];
  const { customer, message } = await readQuestion(request);
  if (typeof customer !== 'string' || typeof message !== 'string')
    return [400, { error: 'send {"customer": "Ada", "message": "..."}' }];
  const { text, version } = prompts.render(PROMPT, { customer, product: 'Lamp' });
  return [200, { answer: await complete({ system: text, user: message }), promptVersion: version }];
}

async function readQuestion(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 64 * 1024) return {};
  }
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`support-assistant on http://127.0.0.1:${server.address().port}, prompts from ${source}`);
});

process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void prompts.close();
});
