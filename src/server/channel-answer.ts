import type { IncomingMessage, ServerResponse } from 'node:http';
import Negotiator from 'negotiator';
import type { ChannelState, ServedPrompt } from '../db/channel-state.ts';
import type { Reader } from '../db/client.ts';
import { within } from '../delivery/within.ts';
import type { Actor } from '../domain/actor.ts';
import type { Topic } from '../domain/channel-topic.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';
import type { Hub } from '../realtime/hub.ts';
import { createChannelEntries, pagesOfPrompts } from './channel-entries.ts';
import type { ChannelEntries } from './channel-entries.ts';
import { parseChannelUrl, refuseChannel, topicOf } from './channel-request.ts';
import { createSelect } from './channel-selection.ts';
import type { KnownChannels } from './known-channels.ts';
import { methodNotAllowed, notAcceptable, overloaded, ProblemError } from './problem.ts';
import { matchesEtag, varyOf } from './revalidation.ts';
import { sendPages } from './send-pages.ts';
import type { Pages } from './send-pages.ts';

/** Each holds one page in memory, for as long as its client takes to read it. */
const ANSWERS_AT_ONCE = 500;
const STATE_MS_MAX = 3_000;

export interface ChannelAnswerDeps {
  readonly hub: Pick<Hub, 'channelState'>;
  readonly reader: Reader;
  readonly channels: KnownChannels;
  /** Whether the last contact with the database failed. */
  readonly isStale: () => boolean;
  /** How long a client may take nothing of what it was sent. */
  readonly stalledMs: number;
}

export interface ChannelAnswer {
  /** GET and HEAD /v1/channels/{name}. @throws ProblemError; what the database fails with before the first byte is sent. */
  send(actor: Actor, req: IncomingMessage, res: ServerResponse): Promise<void>;
}

/** Everything that a channel serves at one moment, for who polls, or takes it along. */
export function createChannelAnswer(deps: ChannelAnswerDeps): ChannelAnswer {
  const { hub, reader, channels, isStale, stalledMs } = deps;
  const entries = createChannelEntries(reader);
  const select = createSelect();
  let running = 0;

  async function stateOf(workspaceId: string, { channel }: Topic): Promise<ChannelState> {
    await channels.require(workspaceId, channel).catch(refuseChannel);
    return hub.channelState(workspaceId, channel);
  }

  async function sendBody(
    res: ServerResponse,
    actor: Actor,
    { channel, cursor, prompts }: Body,
    headers: Record<string, string>,
  ): Promise<void> {
    if (running >= ANSWERS_AT_ONCE) throw new ProblemError(overloaded());
    running += 1;
    try {
      const pages = bodyOf(entries, actor.workspaceId, { channel, cursor, prompts });
      const first = await within(STATE_MS_MAX, pages.next());
      res.writeHead(200, { ...headers, 'content-type': 'application/json; charset=utf-8' });
      await sendPages(res, first, pages, stalledMs);
    } finally {
      running -= 1;
    }
  }

  return {
    send: async (actor, req, res) => {
      const topic = parseRequest(actor, req);
      const state = await within(STATE_MS_MAX, stateOf(actor.workspaceId, topic));
      const { prompts, etag } = select(state, topic);
      const cursor = encodeFeedCursor(state.head);
      const headers = {
        etag,
        'cache-control': 'private, no-cache',
        'x-promptforge-cursor': cursor,
        vary: varyOf(res),
        ...(isStale() ? { 'x-promptforge-stale': 'true' } : {}),
      };
      if (matchesEtag(req.headers['if-none-match'], etag)) {
        res.writeHead(304, headers);
        res.end();
      } else if (req.method === 'HEAD') {
        res.writeHead(200, { ...headers, 'content-type': 'application/json; charset=utf-8' });
        res.end();
      } else await sendBody(res, actor, { channel: topic.channel, cursor, prompts }, headers);
    },
  };
}

function parseRequest(actor: Actor, req: IncomingMessage): Topic {
  if (req.method !== 'GET' && req.method !== 'HEAD') throw new ProblemError(methodNotAllowed('GET, HEAD'));
  if (new Negotiator(req).mediaType(['application/json']) === undefined)
    throw new ProblemError(notAcceptable('this is answered as application/json'));
  const { channel, query } = parseChannelUrl(req.url ?? '', '');
  try {
    return topicOf(actor, channel, query);
  } catch (error) {
    return refuseChannel(error);
  }
}

interface Body {
  readonly channel: string;
  readonly cursor: string;
  readonly prompts: readonly ServedPrompt[];
}

async function* bodyOf(
  entries: ChannelEntries,
  workspaceId: string,
  { channel, cursor, prompts }: Body,
): Pages {
  const head = `{"channel":${JSON.stringify(channel)},"cursor":${JSON.stringify(cursor)},"entries":[`;
  const [first = [], ...rest] = pagesOfPrompts(prompts);
  yield joined(Buffer.from(head), await entries.load(workspaceId, first));
  for (const page of rest) yield joined(Buffer.from(','), await entries.load(workspaceId, page));
  yield ']}\n';
}

function joined(before: Buffer, entries: readonly Buffer[]): Buffer {
  const comma = Buffer.from(',');
  return Buffer.concat([
    before,
    ...entries.flatMap((entry, index) => (index === 0 ? [entry] : [comma, entry])),
  ]);
}
