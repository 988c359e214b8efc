import { isRetryable, isUnavailable } from '../db/database-errors.ts';
import { writeApplied } from '../db/applied-cursors.ts';
import type { AppliedCursor } from '../db/applied-cursors.ts';
import type { Database } from '../db/client.ts';
import type { Log } from './log.ts';
import { atMost } from './rounds.ts';

/** A fleet says the same within a moment: as one statement. */
const WRITE_MS = 100;
const RETRY_MS = 1_000;
const STOP_MS = 5_000;
const BATCH = 10_000;
/** Of one key: as many as may listen with it. */
const INSTANCES_OF_KEY = 20_000;
/** What waits for the database, about 20 MB. */
const WAITING_MAX = 50_000;
/** Places of one instance that wait together: in doubt which history they are of, the database decides. */
const PLACES_MAX = 4;
const INSTANCES_FORGOTTEN_MS = 60 * 60_000;

export interface AppliedCursors {
  /** Takes note, to be written soon. @returns false: too many instances of the key, or too much waits for the database. */
  note(said: AppliedCursor): boolean;
  /** Writes once more, and no more after that. */
  stop(): Promise<void>;
}

/** What instances say that they have applied, collected for a moment and written in batches. A node that is killed loses that moment. */
export function startAppliedCursors({ writer }: Pick<Database, 'writer'>, log: Log): AppliedCursors {
  const waiting = createWaiting();
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();
  let isFailing = false;
  const instances = boundedInstances();

  function schedule(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      underWay = underWay.then(write);
    }, ms).unref();
  }

  async function write(): Promise<void> {
    const said = waiting.take();
    for (let at = 0; at < said.length; at += BATCH) {
      try {
        await store(said.slice(at, at + BATCH));
      } catch (error) {
        if (!isFailing)
          log.warn({ err: error }, 'what instances have applied could not be written: it waits');
        isFailing = true;
        waiting.putBack(said.slice(at));
        schedule(RETRY_MS);
        return;
      }
    }
    isFailing = false;
  }

  async function store(batch: readonly AppliedCursor[]): Promise<void> {
    try {
      await writeApplied(writer, batch);
    } catch (error) {
      if (isUnavailable(error) || isRetryable(error)) throw error;
      // The database is there and will not have it, now or later.
      log.error(
        { err: error, instances: batch.length },
        'what instances have applied was refused and is lost',
      );
    }
  }

  return {
    note: (said) => {
      if (waiting.size() >= WAITING_MAX || !instances.admit(said)) return false;
      waiting.add(said);
      schedule(WRITE_MS);
      return true;
    },
    stop: async () => {
      clearTimeout(timer);
      underWay = underWay.then(write);
      await atMost(STOP_MS, underWay);
      clearTimeout(timer);
    },
  };
}

/** By instance, the places that it has named, in the order in which it did. */
function createWaiting() {
  let places = new Map<string, readonly AppliedCursor[]>();
  const add = (said: AppliedCursor): void => {
    const key = keyOf(said);
    const others = (places.get(key) ?? []).filter(({ cursor }) => cursor !== said.cursor);
    places.set(key, [...others, said].slice(-PLACES_MAX));
  };
  const take = (): AppliedCursor[] => {
    const said = [...places.values()].flat();
    places = new Map();
    return said;
  };
  return {
    add,
    take,
    size: () => places.size,
    /** What was taken and could not be written comes before what was said since. */
    putBack: (said: readonly AppliedCursor[]): void => {
      for (const one of [...said, ...take()]) add(one);
    },
  };
}

/** Names are the clients' own: within an hour a key may use so many on this node. The table forgets them after two days. */
function boundedInstances() {
  const seen = new Map<string, Set<string>>();
  let since = Date.now();
  return {
    admit: ({ workspaceId, actorId, channel, instance }: AppliedCursor): boolean => {
      if (Date.now() - since > INSTANCES_FORGOTTEN_MS) {
        seen.clear();
        since = Date.now();
      }
      const key = `${workspaceId} ${actorId}`;
      const own = seen.get(key) ?? new Set<string>();
      seen.set(key, own);
      const name = `${channel} ${instance}`;
      if (own.size >= INSTANCES_OF_KEY && !own.has(name)) return false;
      own.add(name);
      return true;
    },
  };
}

function keyOf({ workspaceId, actorId, channel, instance }: AppliedCursor): string {
  return [workspaceId, actorId, channel, instance].join('\n');
}
