import { decodeFeedCursor } from '../../src/domain/cursor.ts';
import { ADMIN_KEY } from './harness.ts';
import type { Frame } from './history.ts';
import { openSocketSession } from './socket-session.ts';
import { openStreamSession } from './stream-session.ts';

interface Asked {
  readonly transport: 'ws' | 'sse';
  readonly after: string | null;
}

export interface OneAnswer {
  /** A snapshot's reason, an error's code, or the kind of the first frame. */
  readonly answer: string;
  readonly tookMs: number;
  /** The sequence of the first complete frame's cursor; -1: it has none. */
  readonly seq: number;
}

const PATIENCE_MS = 10_000;
const FOLLOWS = { channel: 'stable', prompts: null, mode: 'ALL' } as const;

/** Subscribes, waits for the first thing that is said, and leaves. */
export async function ask(url: string, { transport, after }: Asked): Promise<OneAnswer> {
  const began = performance.now();
  return new Promise((resolve) => {
    const open = transport === 'ws' ? openSocketSession : openStreamSession;
    let isOver = false;
    const answered = (answer: string, cursor: string | null = null) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      const seq = cursor === null ? -1 : Number(decodeFeedCursor('cursor', cursor).seq);
      resolve({ answer, tookMs: Math.round(performance.now() - began), seq });
      setImmediate(() => session.cut());
    };
    const timer = setTimeout(() => answered('nothing'), PATIENCE_MS);
    const session = open({
      url,
      key: ADMIN_KEY,
      follows: FOLLOWS,
      after,
      bookmarks: true,
      onAlive: () => undefined,
      onFrame: (frame) => answered(nameOf(frame), 'cursor' in frame ? frame.cursor : null),
      onEnd: (why) => answered(why === 'status 400' ? 'BAD_CURSOR' : why.replace(/^error /, '')),
    });
  });
}

function nameOf(frame: Frame): string {
  return frame.kind === 'snapshot' ? frame.reason : frame.kind;
}
