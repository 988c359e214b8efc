import { decodeFeedCursor } from '../../src/domain/cursor.ts';
import { ADMIN_KEY } from './harness.ts';
import type { Follows, Frame, History } from './history.ts';
import type { Session, SessionOptions } from './session.ts';
import { openSocketSession } from './socket-session.ts';
import { openStreamSession } from './stream-session.ts';

export interface SubscriberOptions {
  readonly history: History;
  readonly name: string;
  readonly follows: Follows;
  readonly transport: 'ws' | 'sse';
  /** Asked at every connect, so that a client can be moved to another node. */
  readonly url: () => string;
  readonly random: (below: number) => number;
  /** Longest wait before it connects again. */
  readonly retryMs?: number;
  /** Nothing was heard for so long, heartbeats included: it gives the node up. */
  readonly silenceMs?: number;
  readonly wide?: boolean;
  readonly onFrame?: (frame: Frame) => void;
}

/** A client that follows a channel, keeps what it serves, and comes back with its cursor whatever happens to its connection. */
export interface Subscriber {
  readonly name: string;
  readonly follows: Follows;
  readonly cache: ReadonlyMap<string, number>;
  /** Ends of sessions, as they were told. */
  readonly ends: readonly string[];
  /** Reasons of the snapshots it was sent. */
  readonly snapshots: readonly string[];
  readonly cursor: () => string | null;
  /** The sequence of its cursor; -1: it has none yet. */
  readonly seq: () => number;
  readonly frames: () => number;
  readonly connects: () => number;
  /** Where its present session goes. */
  readonly node: () => string;
  /** Whether its present session has heard anything. */
  readonly isHearing: () => boolean;
  cut(): void;
  pause(): void;
  resume(): void;
  /** Leaves; `caughtUp`: it claims to have heard everything. */
  stop(caughtUp: boolean): void;
}

type State = ReturnType<typeof createState>;

function createState(options: SubscriberOptions) {
  return {
    options,
    cache: new Map<string, number>(),
    ends: [] as string[],
    snapshots: [] as string[],
    /** Moves of a commit, and entries of a snapshot, that wait for their end. */
    waiting: [] as { slug: string; version: number | null }[],
    cursor: null as string | null,
    frames: 0,
    connects: 0,
    heardAt: 0,
    node: '',
    isHearing: false,
    stopped: false,
    session: null as Session | null,
    timer: undefined as NodeJS.Timeout | undefined,
  };
}

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { history, name, follows } = options;
  const state = createState(options);
  history.note({ what: 'join', client: name, follows });
  connect(state);
  return {
    name,
    follows,
    cache: state.cache,
    ends: state.ends,
    snapshots: state.snapshots,
    cursor: () => state.cursor,
    seq: () => (state.cursor === null ? -1 : Number(decodeFeedCursor('cursor', state.cursor).seq)),
    frames: () => state.frames,
    connects: () => state.connects,
    node: () => state.node,
    isHearing: () => state.isHearing,
    cut: () => state.session?.cut(),
    pause: () => state.session?.pause(),
    resume: () => state.session?.resume(),
    stop: (caughtUp) => {
      if (state.stopped) return;
      state.stopped = true;
      clearTimeout(state.timer);
      state.session?.cut();
      history.note({ what: 'leave', client: name, caughtUp, cache: Object.fromEntries(state.cache) });
    },
  };
}

function connect(state: State): void {
  const { history, name, follows, transport, url, silenceMs = 45_000 } = state.options;
  const node = url();
  state.node = node;
  history.note({ what: 'connect', client: name, after: state.cursor, node });
  state.connects += 1;
  state.waiting = [];
  state.heardAt = Date.now();
  state.isHearing = false;
  state.session = null;
  const open = transport === 'ws' ? openSocketSession : openStreamSession;
  let isOver = false;
  const watch = setInterval(() => {
    if (Date.now() - state.heardAt > silenceMs) over('silence');
  }, silenceMs / 8);
  const over = (why: string) => {
    if (isOver) return;
    isOver = true;
    clearInterval(watch);
    state.session?.cut();
    ended(state, why);
  };
  const settings: SessionOptions = {
    url: node,
    key: ADMIN_KEY,
    follows,
    after: state.cursor,
    bookmarks: true,
    wide: state.options.wide ?? false,
    onAlive: () => {
      state.heardAt = Date.now();
      if (!isOver) state.isHearing = true;
    },
    onFrame: (frame) => {
      if (!isOver && !state.stopped) hear(state, frame);
    },
    onEnd: over,
  };
  state.session = open(settings);
}

function ended(state: State, why: string): void {
  state.isHearing = false;
  if (state.stopped) return;
  const { history, name, random, retryMs = 100 } = state.options;
  state.ends.push(why);
  history.note({ what: 'disconnect', client: name, why });
  state.timer = setTimeout(() => connect(state), random(retryMs) + 1);
}

function hear(state: State, frame: Frame): void {
  const { history, name, onFrame } = state.options;
  history.note({ what: 'frame', client: name, frame });
  state.frames += 1;
  apply(state, frame);
  onFrame?.(frame);
}

/** Batches and snapshots are applied when they are whole, and only then the cursor moves. */
function apply(state: State, frame: Frame): void {
  if (frame.kind === 'unknown') return;
  if (frame.kind === 'promoted' || frame.kind === 'withdrawn') state.waiting.push(frame);
  if (frame.kind === 'snapshot') state.waiting.push(...frame.entries);
  if (frame.more) return;
  if (frame.kind === 'snapshot') {
    state.snapshots.push(frame.reason);
    state.cache.clear();
  }
  for (const { slug, version } of state.waiting) {
    if (version === null) state.cache.delete(slug);
    else state.cache.set(slug, version);
  }
  state.waiting = [];
  state.cursor = frame.cursor;
}
