import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor } from '../domain/actor.ts';
import { decodeFeedCursor } from '../domain/cursor.ts';
import { BadCursor } from '../domain/errors.ts';
import { requireInstance } from '../domain/instance.ts';
import type { AppliedCursors } from './applied-cursors.ts';
import { parseJsonObject } from './body.ts';
import { APPLIED_SUFFIX, parseChannelUrl, refuseChannel, topicOf } from './channel-request.ts';
import type { KnownChannels } from './known-channels.ts';
import { badRequest, ProblemError, tooManyInstances } from './problem.ts';

const EXAMPLE = '{"instance":"web-1","cursor":"..."}';

export interface AppliedDoorDeps {
  readonly channels: KnownChannels;
  readonly applied: Pick<AppliedCursors, 'note'>;
}

/**
 * POST /v1/channels/{name}/applied: an instance of the actor has applied what the channel served up to a cursor. Answered when it is noted: nobody
 * waits for the database. @throws ProblemError; what the database fails with when it must be asked whether there is such a channel
 */
export async function takeApplied(
  { channels, applied }: AppliedDoorDeps,
  actor: Actor,
  { req, res, body }: { readonly req: IncomingMessage; readonly res: ServerResponse; readonly body: Buffer },
): Promise<void> {
  const { channel } = parseChannelUrl(req.url ?? '', APPLIED_SUFFIX);
  const { workspaceId, id: actorId } = actor;
  try {
    topicOf(actor, channel, new URLSearchParams());
    const said = parseApplied(body);
    await channels.require(workspaceId, channel);
    if (!applied.note({ workspaceId, actorId, channel, ...said })) throw new ProblemError(tooManyInstances());
  } catch (error) {
    if (!(error instanceof BadCursor)) return refuseChannel(error);
    throw new ProblemError({ ...badRequest(error.message, { field: 'cursor' }), code: error.code });
  }
  res.writeHead(204, { 'cache-control': 'no-store' });
  res.end();
}

function parseApplied(body: Buffer) {
  const { instance, cursor } = parseJsonObject(body, EXAMPLE);
  const name = requireInstance(instance);
  if (typeof cursor !== 'string') throw new BadCursor('cursor', 'the feed');
  return { instance: name, cursor, ...decodeFeedCursor('cursor', cursor) };
}
