import { onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { parseTopic } from '../../src/domain/channel-topic.ts';
import type { Frame } from '../../src/realtime/frames.ts';
import { HUB_TIMES } from '../../src/realtime/hub-deps.ts';
import type { HubTimes } from '../../src/realtime/hub-deps.ts';
import { Hub } from '../../src/realtime/hub.ts';
import type { DeliveryMode, EndReason, Member, Sink } from '../../src/realtime/member.ts';
import type { Payload } from '../../src/realtime/payload.ts';
import type { Start } from '../../src/realtime/resume.ts';
import { createTestApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { deferred } from '../support/deferred.ts';
import { runFeed } from './feed-fixture.ts';

const PATIENCE_MS = 15_000;
const NOW: Start = { kind: 'now' };

/** A stream of a test: remembers what it was sent, and takes it or not as the test says. */
class TestSink implements Sink {
  readonly frames: Frame[] = [];
  readonly ended = deferred<EndReason>();
  #read = 0;
  #arrived = deferred<void>();
  #unsent = 0;
  #taken = 0;
  #drained = deferred<void>();

  send({ frame, bytes }: Payload): boolean {
    if (this.#unsent > 0) this.#unsent += bytes.length;
    this.frames.push(frame);
    this.#arrived.resolve();
    return true;
  }

  takenBytes(): number {
    return this.#taken;
  }

  unsentBytes(): number {
    return this.#unsent;
  }

  drained(): Promise<void> {
    return this.#drained.promise;
  }

  end(reason: EndReason): void {
    this.ended.resolve(reason);
  }

  /** The other side takes nothing any more; so much is under way already. */
  stall(bytes: number): void {
    this.#unsent = bytes;
    this.#drained = deferred();
  }

  /** It takes a little, while others write as much to the same connection. */
  trickle(): void {
    this.#taken += 10;
  }

  flow(): void {
    this.#taken += this.#unsent;
    this.#unsent = 0;
    this.#drained.resolve();
  }

  /** The next frame that was sent and that nobody has asked for. */
  async next(): Promise<Frame> {
    while (this.#read >= this.frames.length) {
      this.#arrived = deferred();
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error('nothing was sent')), PATIENCE_MS).unref();
      });
      await Promise.race([this.#arrived.promise, late]);
    }
    const frame = this.frames[this.#read];
    this.#read += 1;
    if (frame === undefined) throw new Error('a frame was lost');
    return frame;
  }

  async take(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next());
    return frames;
  }
}

interface JoinOptions {
  readonly start?: Start;
  readonly mode?: DeliveryMode;
  readonly bookmarks?: boolean;
  readonly channel?: string;
  readonly prompts?: readonly string[] | null;
  /** Waited for before each rendering. */
  readonly beforeRender?: (frame: Frame) => Promise<void> | void;
  readonly key?: string;
  /** How large each frame is. */
  readonly frameBytes?: number;
}

export interface HubStage {
  readonly world: TestApp;
  readonly hub: Hub;
  /** How many frames were rendered. */
  readonly rendered: () => number;
  readonly conflated: () => number;
  readonly failures: unknown[];
  /** Who joined, with how far each is. */
  readonly joined: Pick<Member, 'listener' | 'told'>[];
  /** What was counted. */
  readonly pushed: { readonly frame: Frame; readonly actor: string; readonly times: number }[];
  join(options?: JoinOptions): { readonly sink: TestSink; readonly leave: () => void };
  /** Where a follower with this cursor begins. */
  startAfter(after: string): Promise<Start>;
  cursor(): Promise<string>;
  /** When the hub has got as far as the log. */
  settled(): Promise<void>;
}

/** The real feed and hub over a database of their own. */
export async function createHubStage(times: Partial<HubTimes> = {}): Promise<HubStage> {
  const world = await createTestApp();
  const database = openDatabase({
    address: { connectionString: world.database.url },
    onIdleError: () => undefined,
  });
  const { workspaceId } = world.admin;
  const who = { workspaceId, actor: world.admin, transport: 'WEBSOCKET', instance: null } as const;
  const failures: unknown[] = [];
  const joined: HubStage['joined'] = [];
  const pushed: HubStage['pushed'] = [];
  let [rendered, conflated] = [0, 0];
  const hub: Hub = new Hub({
    reader: database.reader,
    control: database.control,
    headOf: (id) => feed.headOf(id),
    reach: (id, seq, timeoutMs) => feed.reach(id, seq, timeoutMs),
    lagMs: () => 0,
    meters: {
      delivered: () => undefined,
      replayed: () => undefined,
      conflated: (events) => (conflated += events),
      ended: () => undefined,
    },
    times: { ...HUB_TIMES, ...times },
    onFailure: (error) => failures.push(error),
    audience: {
      joined: (member) => {
        joined.push(member);
        return () => undefined;
      },
      pushed: (frame, { actor }, count) => void pushed.push({ frame, actor: actor.id, times: count }),
    },
  });
  const { feed } = await runFeed(database, [hub]);
  onTestFinished(async () => {
    hub.close();
    await feed.stop();
    await database.close();
    await world.close();
  });
  const head = async () => BigInt(await world.head());
  return {
    world,
    hub,
    failures,
    joined,
    pushed,
    rendered: () => rendered,
    conflated: () => conflated,
    join: ({ start = NOW, mode = 'LATEST', bookmarks = false, ...options } = {}) => {
      const sink = new TestSink();
      const topic = parseTopic(options.channel ?? 'stable', options.prompts ?? null);
      const rendering = {
        key: options.key ?? JSON.stringify(topic),
        render: async (frame: Frame) => {
          await options.beforeRender?.(frame);
          rendered += 1;
          const { frameBytes } = options;
          return frameBytes === undefined ? Buffer.from(JSON.stringify(frame)) : Buffer.alloc(frameBytes);
        },
      };
      return { sink, leave: hub.join({ ...who, topic, mode, bookmarks, start, rendering, sink }) };
    },
    startAfter: (after) => hub.startOf(workspaceId, { after, snapshot: false }),
    cursor: async () => {
      await feed.reach(workspaceId, await head(), 10_000);
      const sink = new TestSink();
      const rendering = { key: 'cursor', render: async () => Buffer.alloc(0) };
      const topic = parseTopic('stable', null);
      const follower = {
        ...who,
        topic,
        mode: 'LATEST',
        bookmarks: true,
        start: { kind: 'now' },
        rendering,
        sink,
      } as const;
      const leave = hub.join(follower);
      const { cursor } = await sink.next();
      leave();
      return cursor;
    },
    settled: async () => {
      if (!(await feed.reach(workspaceId, await head(), 10_000)))
        throw new Error('the feed did not get there');
    },
  };
}

export const versions = (frames: readonly Frame[]) =>
  frames.map((frame) => ('version' in frame ? [frame.slug, frame.version] : frame.type));
