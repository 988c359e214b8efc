import type { IncomingMessage, ServerResponse } from 'node:http';
import Negotiator from 'negotiator';
import type { Actor } from '../domain/actor.ts';
import { mayReadPrompt, mayReadServed, readsRegistry } from '../domain/actor-reading.ts';
import { isChannelName, STABLE } from '../domain/channel.ts';
import { isSlug } from '../domain/prompt.ts';
import { renderTemplate } from '../domain/template.ts';
import type { JsonValue } from '../domain/template.ts';
import type { Representation, Served } from '../delivery/representation.ts';
import type { Selector, Snapshot } from '../delivery/snapshot.ts';
import type { Usage } from '../delivery/usage.ts';
import { parseJsonObject } from './body.ts';
import { badRequest, forbidden, methodNotAllowed, notAcceptable, notFound, ProblemError } from './problem.ts';
import { matchesEtag, varyOf } from './revalidation.ts';

export const DELIVERY_PATH = '/v1/prompts/';
const RENDER_SUFFIX = '/render';
const RENDER_EXAMPLE = '{"variables":{"name":"Ada"}}';
const NUMBER_MAX = 2_147_483_647;

interface Delivery {
  readonly snapshot: Snapshot;
  readonly isStale: () => boolean;
  readonly usage: Pick<Usage, 'fetched'>;
}

/** GET and HEAD /v1/prompts/{slug}. @throws ProblemError; whatever the database fails with when the answer is not in memory. */
export async function deliver(
  delivery: Delivery,
  actor: Actor,
  req: IncomingMessage,
  res: ServerResponse,
  allowed: string,
): Promise<void> {
  if (req.method !== 'GET' && req.method !== 'HEAD') throw new ProblemError(methodNotAllowed(allowed));
  const { slug, selector } = parseTarget(req.url ?? '');
  const served = await findServed(delivery, actor, slug, selector);
  const chosen = negotiate(req, served);
  const headers = { ...deliveryHeaders(delivery, served, chosen, selector), vary: varyOf(res) };
  // HEAD asks what there is; whoever then wants it comes again.
  if (req.method === 'GET') countFetch(delivery, actor, served);
  if (matchesEtag(req.headers['if-none-match'], chosen.etag)) {
    res.writeHead(304, headers);
    res.end();
    return;
  }
  res.writeHead(200, {
    ...headers,
    'content-type': chosen.contentType,
    'content-length': chosen.body.length,
  });
  res.end(req.method === 'HEAD' ? undefined : chosen.body);
}

/** POST /v1/prompts/{slug}/render with the body already read. @throws ProblemError */
export async function deliverRendered(
  delivery: Delivery,
  actor: Actor,
  req: IncomingMessage,
  res: ServerResponse,
  body: Buffer,
): Promise<void> {
  const { slug, selector } = parseTarget(req.url ?? '', RENDER_SUFFIX);
  const { variables, strict } = parseRenderBody(body);
  const served = await findServed(delivery, actor, slug, selector);
  const { content, version, channel } = served.source;
  const outcome = renderTemplate(content, content.variables, variables, { strict });
  if (!outcome.ok) {
    const { missing, unknown, invalid } = outcome;
    throw new ProblemError({
      ...badRequest('the values do not fit the prompt', { missing, unknown, invalid }),
      code: 'VARIABLES_INVALID',
    });
  }
  countFetch(delivery, actor, served);
  const text = content.kind === 'TEXT' ? { text: outcome.text } : { messages: outcome.messages };
  const answer = Buffer.from(JSON.stringify({ slug, version, channel, ...text }));
  res.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': answer.length,
    'cache-control': 'no-store',
    ...originHeaders(delivery, served),
  });
  res.end(answer);
}

/** Whether the path of a request is the render verb: for POST the last segment is the verb. */
export function isRender(path: string): boolean {
  return path.endsWith(RENDER_SUFFIX);
}

function parseTarget(url: string, suffix = ''): { slug: string; selector: Selector } {
  const [path = '', query = ''] = url.split('?', 2);
  const slug = decodeSlug(path.slice(DELIVERY_PATH.length, path.length - suffix.length));
  return { slug, selector: parseSelector(new URLSearchParams(query).getAll('_version')) };
}

function decodeSlug(raw: string): string {
  const detail =
    'the path names no slug: segments of a-z, 0-9, ".", "_" and "-", separated by "/" (or %2F), at most 200 characters';
  try {
    const slug = decodeURIComponent(raw);
    if (isSlug(slug)) return slug;
  } catch {
    // A malformed escape is as wrong as a malformed slug.
  }
  throw new ProblemError(badRequest(detail, { field: 'slug' }));
}

function parseSelector(values: readonly string[]): Selector {
  const [value = STABLE] = values;
  const detail = '_version is one channel name (stable, latest, ...) or one version number from 1';
  if (values.length > 1) throw new ProblemError(badRequest(detail, { field: '_version' }));
  if (/^[1-9]\d{0,9}$/.test(value) && Number(value) <= NUMBER_MAX) return { number: Number(value) };
  if (isChannelName(value)) return { channel: value };
  throw new ProblemError(badRequest(detail, { field: '_version' }));
}

async function findServed(
  { snapshot }: Delivery,
  actor: Actor,
  slug: string,
  selector: Selector,
): Promise<Served> {
  requireReadable(actor, selector);
  const served = isCovered(actor, slug, selector)
    ? await snapshot.find(actor.workspaceId, slug, selector)
    : null;
  if (served !== null) return served;
  const wanted =
    'channel' in selector
      ? `channel "${selector.channel}" serves no prompt "${slug}"`
      : `there is no version ${selector.number} of "${slug}"`;
  throw new ProblemError(notFound(wanted));
}

/** A number is no channel's: it may be a draft. @throws ProblemError */
function requireReadable(actor: Actor, selector: Selector): void {
  if ('channel' in selector || readsRegistry(actor)) return;
  throw new ProblemError(
    forbidden('versions by number need the scope "registry:read": this credential reads what channels serve'),
  );
}

/** What is not covered is not there, whether it exists or not. */
function isCovered(actor: Actor, slug: string, selector: Selector): boolean {
  return 'channel' in selector ? mayReadServed(actor, slug, selector.channel) : mayReadPrompt(actor, slug);
}

function countFetch({ usage }: Delivery, { workspaceId, ...actor }: Actor, { source }: Served): void {
  const { promptId, version, channel } = source;
  const { id: actorId, kind: actorKind, name: actorName } = actor;
  usage.fetched({ workspaceId, promptId, version, channel, actorId, actorKind, actorName });
}

function negotiate(req: IncomingMessage, served: Served): Representation {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return served.json;
  const offered = served.text === null ? ['application/json'] : ['application/json', 'text/plain'];
  const type = new Negotiator(req).mediaType(offered);
  if (type === 'text/plain' && served.text !== null) return served.text;
  if (type === 'application/json') return served.json;
  throw new ProblemError(notAcceptable(`this prompt is served as ${offered.join(' or ')}`));
}

function deliveryHeaders(delivery: Delivery, served: Served, { etag }: Representation, selector: Selector) {
  return {
    etag,
    'cache-control': 'channel' in selector ? 'private, no-cache' : 'private, max-age=31536000, immutable',
    ...originHeaders(delivery, served),
  };
}

function originHeaders({ isStale }: Delivery, { source }: Served): Record<string, string> {
  return {
    'x-promptforge-version': String(source.version),
    ...(source.cursor === null ? {} : { 'x-promptforge-cursor': source.cursor }),
    ...(isStale() ? { 'x-promptforge-stale': 'true' } : {}),
  };
}

function parseRenderBody(body: Buffer): { variables: Record<string, JsonValue>; strict: boolean } {
  const parsed = parseJsonObject(body, RENDER_EXAMPLE);
  const { variables = {}, strict = true } = parsed;
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) {
    throw new ProblemError(
      badRequest('"variables" must be an object of values by name', { field: 'variables' }),
    );
  }
  if (typeof strict !== 'boolean')
    throw new ProblemError(badRequest('"strict" must be true or false', { field: 'strict' }));
  return { variables: variables as Record<string, JsonValue>, strict };
}
