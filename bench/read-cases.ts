import { createHash } from 'node:crypto';
import { postText, requestText } from './http-text.ts';
import { fetchRaw, MARK } from './load-client.ts';
import type { LoadCase } from './load-client.ts';
import { mutate } from './mutation.ts';
import type { PromptForge } from './processes.ts';

const SLUG = 'bench/two-kilobytes';
const TEMPLATE = `You are {{role}}.\n${'Answer in short, complete sentences, and say so when you are not sure. '.repeat(24)}\n`;
const HOT_QUERY =
  'query BenchHot($slug: String!) { prompt(slug: $slug) { version(channel: "stable") { number template config contentHash variables { name } } } }';

export interface ReadCase extends LoadCase {
  readonly target: string | null;
  readonly method: 'GET' | 'POST';
  /** What PromptForge has at least to reach of the bare server. */
  readonly bound: number | null;
}

/** The cases, in the order of the targets. The last but one is what the peers answer too. */
export async function readCases({ port, key }: PromptForge): Promise<ReadCase[]> {
  const get = (name: string, target: string | null, headers: Record<string, string>, status = 200) => ({
    name,
    target,
    method: 'GET' as const,
    bound: status === 304 ? 0.95 : 0.9,
    status,
    request: requestText(
      `GET /v1/prompts/${SLUG}`,
      { authorization: `Bearer ${key}`, accept: 'application/json', ...headers },
      '',
    ),
  });
  const rest = get('REST, 200', 'T1', {});
  const etag = /^etag: *(.*?)\r$/im.exec((await fetchRaw(port, rest)).head)?.[1] ?? '';
  return [
    rest,
    get('REST, 304', 'T2', { 'if-none-match': etag }, 304),
    { ...get('REST, 200, text/plain', null, { accept: 'text/plain' }), bound: null },
    ...(await persistedCase(port, key)),
    post(key, 'POST, hot', 'T4', 0.9, { query: HOT_QUERY, variables: { slug: SLUG } }),
    // A variable that the document does not know: it changes nothing but the bytes, so that no answer of before can be given again.
    post(key, 'POST, each another body', 'T6', 0.6, {
      query: HOT_QUERY,
      variables: { slug: SLUG, unused: MARK },
    }),
    post(key, 'POST, viewer: nothing to keep', 'T7', 0.2, { query: '{ viewer { role actor { name } } }' }),
  ];
}

function post(key: string, name: string, target: string, bound: number, body: object): ReadCase {
  return { name, target, method: 'POST', bound, status: 200, request: postText(key, body) };
}

/** Apollo's protocol: the first request brings the document along, those after it only its hash. Absent where it is not spoken. */
async function persistedCase(port: number, key: string): Promise<ReadCase[]> {
  const sha256Hash = createHash('sha256').update(HOT_QUERY).digest('hex');
  const parameters = {
    variables: JSON.stringify({ slug: SLUG }),
    extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash } }),
  };
  const headers = { authorization: `Bearer ${key}`, accept: 'application/json' };
  const target = (more: Record<string, string>) =>
    `GET /graphql?${new URLSearchParams({ ...parameters, ...more }).toString().replaceAll('+', '%20')}`;
  const named = (request: string) => ({
    name: 'persisted query, GET',
    target: 'T3',
    method: 'GET' as const,
    bound: 0.9,
    status: 200,
    request,
  });
  await fetchRaw(port, named(requestText(target({ query: HOT_QUERY }), headers, '')));
  const persisted = named(requestText(target({}), headers, ''));
  const { head, body } = await fetchRaw(port, persisted);
  const isSpoken = head.startsWith('HTTP/1.1 200 ') && body.includes('contentHash');
  if (!isSpoken) console.error('persisted queries are not answered: T3 is left out');
  return isSpoken ? [persisted] : [];
}

/** Two versions, so that the channel can be moved from one to the other. */
export async function seedReads(forge: PromptForge): Promise<void> {
  const create = (template: string) => `content: { template: ${JSON.stringify(template)} }`;
  await mutate(
    forge,
    `mutation {
      a: createPrompt(input: { slug: "${SLUG}", ${create(TEMPLATE)} }) { ... on Prompt { id } }
      b: editPrompt(input: { slug: "${SLUG}", ${create(TEMPLATE.replace('short', 'brief'))} }) { ... on PromptVersion { id } }
    }`,
  );
  await move(forge, 1);
}

/** One promotion: everything that was answered for this prompt is out of date. */
export async function move(forge: PromptForge, version: number): Promise<void> {
  await mutate(
    forge,
    `mutation { promoteVersion(input: { slug: "${SLUG}", version: ${version} }) { ... on Promotion { id } } }`,
  );
}
