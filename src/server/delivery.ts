import type { Actor } from '../domain/actor.ts';
import { createAnswerCache } from '../delivery/answer-cache.ts';
import type { AnswerCache } from '../delivery/answer-cache.ts';
import type { Snapshot } from '../delivery/snapshot.ts';
import type { Usage } from '../delivery/usage.ts';
import { andThen } from './at-once.ts';
import { countGiven } from './count-given.ts';
import { makeAnswer, originHeaders } from './delivery-answer.ts';
import type { DeliveryAnswer } from './delivery-answer.ts';
import { findServed } from './delivery-finding.ts';
import { parseValues, renderServed } from './delivery-render.ts';
import { parseTarget } from './delivery-target.ts';
import { openingOf } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { flatHeaders, OPENING } from './head.ts';
import { methodNotAllowed, ProblemError } from './problem.ts';
import { matchesEtag } from './revalidation.ts';
import { sendAnswer } from './send-answer.ts';
import { standingOf } from './standing.ts';

const RENDER_SUFFIX = '/render';
/** Six thousand of 2 kB. An answer that is right shares its body with the snapshot; one that is not keeps it until it is pushed out or asked for. */
const ANSWERS_BYTES_MAX = 32 * 1024 * 1024;

interface DeliveryDeps {
  readonly snapshot: Snapshot;
  /** Whether the last contact with the database failed: what is answered from memory may be old. */
  readonly isStale: () => boolean;
  readonly usage: Pick<Usage, 'fetched'>;
}

/** Answers with what is served: GET and HEAD /v1/prompts/{slug}, POST /v1/prompts/{slug}/render. */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #answers: AnswerCache<DeliveryAnswer>;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
    this.#answers = createAnswerCache(deps.snapshot, ANSWERS_BYTES_MAX);
  }

  /**
   * From memory what was answered before: to somebody who may do the same, at the same address, in the same words for what is accepted.
   * All else that an answer depends on is what it was made of.
   * @throws ProblemError, at once or later; whatever the database fails with when the answer is not in memory
   */
  read(actor: Actor, exchange: Exchange): void | Promise<void> {
    const { url = '', headers } = exchange.req;
    const key = exchange.said.key(standingOf(actor).accessId, headers.accept ?? '', '', url);
    const answer = this.#answers.find(key) ?? this.#make(actor, exchange, key);
    return andThen(answer, (made) => this.#send(actor, exchange, made));
  }

  /** Of the answers that are kept. */
  answersBytes(): number {
    return this.#answers.sizeBytes();
  }

  /** With the body already read. @throws ProblemError; whatever the database fails with when the answer is not in memory */
  async render(actor: Actor, exchange: Exchange, body: Buffer): Promise<void> {
    const { req, res } = exchange;
    const target = parseTarget(req.url ?? '', RENDER_SUFFIX);
    const values = parseValues(body);
    const served = await findServed(this.#deps.snapshot, actor, target);
    const answer = renderServed(served, target.slug, values);
    countGiven(this.#deps.usage, actor, [served.source]);
    const headers = flatHeaders({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(answer.length),
      'cache-control': 'no-store',
      ...originHeaders(served),
      ...(exchange.vary === null ? {} : { vary: exchange.vary }),
      ...(this.#deps.isStale() ? { 'x-promptforge-stale': 'true' } : {}),
    });
    res.writeHead(200, openingOf(exchange, [...OPENING, ...headers]));
    res.end(answer);
  }

  #make(actor: Actor, { req, vary }: Exchange, key: string): DeliveryAnswer | Promise<DeliveryAnswer> {
    const target = parseTarget(req.url ?? '');
    const { workspaceId } = actor;
    return andThen(findServed(this.#deps.snapshot, actor, target), (served) => {
      const answer = makeAnswer(served, target, { req, workspaceId, vary });
      this.#answers.keep(key, answer);
      return answer;
    });
  }

  #send(actor: Actor, exchange: Exchange, { madeOf, etag, whole, unchanged, body }: DeliveryAnswer): void {
    // HEAD asks what there is; whoever then wants it comes again.
    const { method, headers } = exchange.req;
    if (method === 'GET') countGiven(this.#deps.usage, actor, madeOf);
    const isKnown = matchesEtag(headers['if-none-match'], etag);
    const answer = isKnown ? { head: unchanged, body: undefined } : { head: whole, body };
    sendAnswer(exchange, answer, { isStale: this.#deps.isStale() });
  }
}

/** @throws ProblemError 405 */
export function requireDeliveryMethod({ req: { method }, path }: Exchange): void {
  const isKnown = method === 'GET' || method === 'HEAD' || (method === 'POST' && isRender(path));
  if (!isKnown) throw new ProblemError(methodNotAllowed(isRender(path) ? 'GET, HEAD, POST' : 'GET, HEAD'));
}

/** Whether the path is the render verb: for POST the last segment is the verb. */
function isRender(path: string): boolean {
  return path.endsWith(RENDER_SUFFIX);
}
