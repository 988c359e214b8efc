import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Frame, Item } from './history.ts';
import type { Session, SessionOptions } from './session.ts';

/** The event stream by `node:http` alone. */
export function openStreamSession(options: SessionOptions): Session {
  const { url, key, follows, after } = options;
  const address = new URL(`${url}/v1/channels/${follows.channel}/events`);
  if (follows.mode === 'ALL') address.searchParams.set('mode', 'all');
  if (follows.prompts !== null) address.searchParams.set('prompts', follows.prompts.join(','));
  const headers = {
    authorization: `Bearer ${key}`,
    accept: 'text/event-stream',
    ...(after === null ? {} : { 'last-event-id': after }),
  };
  let ended = false;
  let current: IncomingMessage | undefined;
  let paused = false;
  const end = (why: string) => {
    if (ended) return;
    ended = true;
    options.onEnd(why);
  };
  const asked = request(address, { headers, agent: false }, (response) => {
    current = response;
    if (paused) response.pause();
    response.on('error', (error) => end(error.message));
    response.on('close', () => end('closed'));
    if (response.statusCode === 200) return read(response, options);
    end(`status ${response.statusCode}`);
    response.destroy();
  });
  asked.on('error', (error) => end(error.message));
  asked.end();
  return {
    cut: () => {
      asked.destroy();
      end('cut');
    },
    pause: () => {
      paused = true;
      current?.pause();
    },
    resume: () => {
      paused = false;
      current?.resume();
    },
  };
}

function read(response: IncomingMessage, { onFrame, onAlive }: SessionOptions): void {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    onAlive();
    text += chunk;
    for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
      const frame = frameOf(text.slice(0, at));
      text = text.slice(at + 2);
      if (frame !== null) onFrame(frame);
    }
  });
}

interface Told {
  readonly slug?: string;
  readonly version?: number;
  readonly reason?: string;
  readonly complete?: boolean;
  readonly entries?: readonly Item[];
  readonly lagMs?: number;
}

/** Null: a comment, or nothing but a retry hint. */
function frameOf(block: string): Frame | null {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (name !== '') fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value);
  }
  const data = fields.get('data');
  if (data === undefined) return null;
  const told = JSON.parse(data) as Told;
  const cursor = fields.get('id') ?? null;
  const place = { cursor, more: cursor === null };
  const slug = told.slug ?? '';
  switch (fields.get('event')) {
    case 'promoted':
      return { kind: 'promoted', slug, version: told.version ?? null, promotion: null, ...place };
    case 'withdrawn':
      return { kind: 'withdrawn', slug, version: null, promotion: null, ...place };
    case 'snapshot': {
      const entries = (told.entries ?? []).map(({ slug: name, version }) => ({ slug: name, version }));
      return {
        kind: 'snapshot',
        reason: told.reason ?? '',
        complete: told.complete ?? false,
        entries,
        ...place,
      };
    }
    case 'bookmark':
      return { kind: 'bookmark', lagMs: told.lagMs ?? 0, ...place };
    default:
      return { kind: 'unknown', type: fields.get('event') ?? 'message' };
  }
}
