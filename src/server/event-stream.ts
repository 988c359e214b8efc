import type { IncomingMessage, ServerResponse } from 'node:http';
import DataLoader from 'dataloader';
import Negotiator from 'negotiator';
import type { Reader } from '../db/client.ts';
import { loadPromoted } from '../db/serving.ts';
import type { ServedVersion } from '../db/serving.ts';
import type { PromotedVersions } from '../delivery/promoted-versions.ts';
import { deliveryAnswer } from '../delivery/representation.ts';
import { accessKey } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import type { Topic } from '../domain/channel-topic.ts';
import { BadCursor, InvalidInput } from '../domain/errors.ts';
import { optionalInstance } from '../domain/instance.ts';
import type { Frame, MoveFrame, SnapshotFrame } from '../realtime/frames.ts';
import type { DeliveryMode, Rendering } from '../realtime/member.ts';
import { openSse } from './graphql-sse.ts';
import { eventForm } from './sse-connection.ts';
import type { SseDeps } from './graphql-sse.ts';
import type { KnownChannels } from './known-channels.ts';
import { EVENTS_SUFFIX, parseChannelUrl, refuseChannel, topicOf } from './channel-request.ts';
import { badRequest, methodNotAllowed, notAcceptable, ProblemError } from './problem.ts';

export interface EventStreamDeps extends SseDeps {
  readonly reader: Reader;
  readonly promoted: PromotedVersions;
  readonly channels: KnownChannels;
}

const AS_RENDERED = eventForm({ isShared: false, wrap: (bytes) => bytes });

interface Wish {
  readonly topic: Topic;
  readonly mode: DeliveryMode;
  readonly after: string | null;
  readonly instance: string | null;
}

/**
 * GET /v1/channels/{name}/events: what a channel serves, as it changes, for everything that speaks no GraphQL. Without a cursor it begins
 * with what is served now. @throws ProblemError; whatever the database fails with
 */
export async function streamEvents(
  { reader, promoted, channels, ...sse }: EventStreamDeps,
  actor: Actor,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (req.method !== 'GET') throw new ProblemError(methodNotAllowed('GET'));
  if (new Negotiator(req).mediaType(['text/event-stream']) === undefined)
    throw new ProblemError(notAcceptable('this is answered as text/event-stream'));
  const { topic, mode, after, instance } = parseWish(req, actor);
  const { workspaceId } = actor;
  await channels.require(workspaceId, topic.channel).catch(refuse);
  const start = await sse.hub.startOf(workspaceId, { after, snapshot: true }).catch(refuse);
  const rendering = renderingOf({ reader, promoted }, actor, topic);
  const follower = {
    workspaceId,
    actor,
    transport: 'SSE',
    topic,
    mode,
    instance,
    bookmarks: true,
    start,
    rendering,
  } as const;
  openSse(sse, { req, res, actor, form: AS_RENDERED }, (sink) => sse.hub.join({ ...follower, sink }));
}

function parseWish({ url = '', headers }: IncomingMessage, actor: Actor): Wish {
  const { channel, query } = parseChannelUrl(url, EVENTS_SUFFIX);
  const lastEventId = headers['last-event-id'];
  const after = (typeof lastEventId === 'string' ? lastEventId : null) ?? query.get('after');
  try {
    const topic = topicOf(actor, channel, query);
    return {
      topic,
      mode: parseMode(query.get('mode')),
      after: after === '' ? null : after,
      instance: optionalInstance(query.get('instance')),
    };
  } catch (error) {
    return refuseChannel(error);
  }
}

function parseMode(mode: string | null): DeliveryMode {
  if (mode === null || mode === 'latest') return 'LATEST';
  if (mode === 'all') return 'ALL';
  throw new InvalidInput('mode', 'is "latest" or "all"');
}

/** Refusals of the hub as problems. */
function refuse(error: unknown): never {
  if (!(error instanceof BadCursor)) return refuseChannel(error);
  throw new ProblemError({
    ...badRequest(
      'Last-Event-ID (or the parameter "after") is no cursor of this feed: leave it out to begin anew',
    ),
    code: error.code,
  });
}

function renderingOf(
  { reader, promoted }: Pick<EventStreamDeps, 'reader' | 'promoted'>,
  actor: Actor,
  { channel, prompts }: Topic,
): Rendering {
  const { workspaceId } = actor;
  // No cache: frames that are rendered together ask once, and what a state holds is as large as the prompts are.
  const ofState = new DataLoader<string, ServedVersion>(
    async (ids) => {
      const served = await loadPromoted(reader, workspaceId, ids);
      return ids.map((id) => served.get(id) ?? missing(id));
    },
    { cache: false, maxBatchSize: 100 },
  );
  const sources: Sources = {
    channel,
    ofState: (promotionId) => ofState.load(promotionId),
    ofMove: async (move) => {
      // A rename is of an older promotion, whose version nobody holds under the new slug.
      if (move.facts === null) return ofState.load(move.promotionId);
      const served = await promoted.find(workspaceId, { ...move, channel, commitCursor: move.facts.cursor });
      if (served === null) throw missing(move.promotionId);
      return served;
    },
  };
  return {
    key: ['event-stream', accessKey(actor), channel, ...(prompts ?? ['*'])].join('\n'),
    render: async (frame) => {
      const { event, data } = await eventOf(sources, frame);
      // Without an id the browser keeps the one before: who comes back in the middle of a commit gets all of it.
      const id = frame.more ? '' : `id: ${frame.cursor}\n`;
      return Buffer.from(`${id}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
  };
}

function missing(promotionId: string): Error {
  return new Error(`promotion ${promotionId} has no version`);
}

/** Where frames have their versions from. */
interface Sources {
  readonly channel: string;
  readonly ofState: (promotionId: string) => Promise<ServedVersion>;
  readonly ofMove: (move: MoveFrame) => Promise<ServedVersion>;
}

interface ServerSentEvent {
  readonly event: string;
  readonly data: object;
}

async function eventOf({ channel, ofState, ofMove }: Sources, frame: Frame): Promise<ServerSentEvent> {
  const { more } = frame;
  switch (frame.type) {
    case 'Bookmark':
      return { event: 'bookmark', data: { lagMs: frame.lagMs } };
    case 'VersionWithdrawn':
      return { event: 'withdrawn', data: { slug: frame.slug, channel, more } };
    case 'VersionPromoted': {
      const { slug } = frame;
      return { event: 'promoted', data: { ...deliveryAnswer({ ...(await ofMove(frame)), slug }), more } };
    }
    case 'ChannelSnapshot':
      return snapshotEvent(frame, ofState);
    default:
      throw new Error('an event stream follows a channel');
  }
}

async function snapshotEvent(
  { reason, part, complete, entries, more }: SnapshotFrame,
  ofState: Sources['ofState'],
): Promise<ServerSentEvent> {
  const versions = await Promise.all(
    entries.map(async ({ promotionId, slug }) => ({ ...(await ofState(promotionId)), slug })),
  );
  const data = { reason, part, complete, entries: versions.map(deliveryAnswer), more };
  return { event: 'snapshot', data };
}
