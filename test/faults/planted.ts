import { createHash } from 'node:crypto';
import { encodeFeedCursor } from '../../src/domain/cursor.ts';
import { hashedText } from '../../src/domain/event.ts';
import type { Entry, Follows, Frame } from './history.ts';
import type { FinalState, LoggedRow } from './witness.ts';

export const WORKSPACE = '01939c1e-7a6b-7000-8000-000000000001';

/** An event of a made-up log: `a@2` promotes, `a@-` withdraws, `.` is something that no channel hears of. */
export type Sketch = string;

const sha256 = (previous: Buffer, text: string) =>
  createHash('sha256').update(previous).update(text).digest();

/** A log as the database's trigger writes it: one array a commit. */
export function plantState(commits: readonly (readonly Sketch[])[], workspaceId = WORKSPACE): FinalState {
  const log: LoggedRow[] = [];
  let previous = createHash('sha256').update(workspaceId).digest();
  for (const commit of commits) {
    const commitSeq = log.length + 1;
    for (const sketch of commit) {
      const row = { ...eventOf(sketch, log.length + 1, commitSeq), workspaceId };
      const hash = sha256(previous, hashedText(row));
      log.push(rowOf(row, previous, hash));
      previous = hash;
    }
  }
  const promotions = log.flatMap((row) => promotionOf(row));
  const newest = new Map(log.flatMap((row) => pointerOf(row)));
  return { workspaceId, promotions, pointers: [...newest.values()], log };
}

function eventOf(sketch: Sketch, seq: number, commitSeq: number) {
  const [slug = '', version] = sketch.split('@');
  const type = sketch === '.' ? 'ApiKeyCreated' : version === '-' ? 'VersionWithdrawn' : 'VersionPromoted';
  const facts = { slug, channel: 'stable', previousVersion: null };
  const promoted = { ...facts, kind: 'PROMOTION', version: Number(version) };
  const payload = { ApiKeyCreated: {}, VersionWithdrawn: facts, VersionPromoted: promoted }[type];
  return {
    hashVersion: 1,
    seq: BigInt(seq),
    commitSeq: BigInt(commitSeq),
    type,
    actorKind: 'USER',
    actorId: 'u',
    actorName: 'u',
    atMicros: BigInt(seq),
    promptId: null,
    promotionId: sketch === '.' ? null : promotionId(seq),
    payload: JSON.stringify(payload),
    sourceAddress: null,
    userAgent: null,
    requestId: null,
  };
}

const promotionId = (seq: number) => `promotion-${seq}`;

function rowOf(
  event: ReturnType<typeof eventOf> & { workspaceId: string },
  previous: Buffer,
  hash: Buffer,
): LoggedRow {
  return {
    workspace_id: event.workspaceId,
    seq: String(event.seq),
    commit_seq: String(event.commitSeq),
    type: event.type,
    actor_kind: event.actorKind,
    actor_id: event.actorId,
    actor_name: event.actorName,
    at_micros: String(event.atMicros),
    prompt_id: event.promptId,
    promotion_id: event.promotionId,
    payload: event.payload,
    source_address: event.sourceAddress,
    user_agent: event.userAgent,
    request_id: event.requestId,
    hash_version: event.hashVersion,
    prev_hash: previous.toString('hex'),
    hash: hash.toString('hex'),
  };
}

function factsOf({ payload }: LoggedRow) {
  return JSON.parse(payload) as { slug: string; version?: number };
}

function promotionOf(row: LoggedRow): FinalState['promotions'][number][] {
  if (row.type !== 'VersionPromoted') return [];
  const { slug, version = 0 } = factsOf(row);
  const id = row.promotion_id ?? '';
  return [{ id, op: `op-${row.commit_seq}`, slug, version, ordinal: Number(row.seq) }];
}

function pointerOf(row: LoggedRow): [string, FinalState['pointers'][number]][] {
  if (row.promotion_id === null) return [];
  const { slug, version = null } = factsOf(row);
  return [[slug, { slug, promotion: row.promotion_id, version }]];
}

/** The cursor of a place in a made-up log. */
export function cursorAt({ workspaceId, log }: FinalState, seq: number): string {
  const hex = log[seq - 1]?.hash ?? createHash('sha256').update(workspaceId).digest('hex');
  return encodeFeedCursor({ seq: BigInt(seq), hash: Buffer.from(hex, 'hex') });
}

/** Every commit was asked for and acknowledged. */
export function plantOperations({ promotions }: FinalState): Entry[] {
  const ops = [...new Set(promotions.map(({ op }) => op))];
  return ops.flatMap((op): Entry[] => {
    const own = promotions.filter((promotion) => promotion.op === op);
    const items = own.map(({ slug, version }) => ({ slug, version }));
    return [
      { what: 'invoke', op, items },
      { what: 'ok', op, promotions: own.map(({ id }) => id) },
    ];
  });
}

/** The frames of a perfect node for everything after a place. */
export function plantFrames(state: FinalState, { after = 0 }: { readonly after?: number } = {}): Frame[] {
  const heard = state.log.filter((row) => row.promotion_id !== null && Number(row.seq) > after);
  return heard.map((row) => {
    const more = heard.some(
      (other) => other.commit_seq === row.commit_seq && Number(other.seq) > Number(row.seq),
    );
    const end = state.log.findLastIndex((other) => other.commit_seq === row.commit_seq) + 1;
    const { slug, version = null } = factsOf(row);
    const kind = version === null ? 'withdrawn' : 'promoted';
    const cursor = cursorAt(state, more ? Number(row.commit_seq) - 1 : end);
    return { kind, slug, version, promotion: row.promotion_id, cursor, more };
  });
}

export function plantClient(
  frames: readonly Frame[],
  {
    follows,
    cache,
    after = null,
    client = 'c',
  }: {
    readonly follows?: Partial<Follows>;
    readonly cache: Readonly<Record<string, number>>;
    readonly after?: string | null;
    readonly client?: string;
  },
): Entry[] {
  return [
    { what: 'join', client, follows: { channel: 'stable', prompts: null, mode: 'ALL', ...follows } },
    { what: 'connect', client, after, node: 'n' },
    ...frames.map((frame): Entry => ({ what: 'frame', client, frame })),
    { what: 'leave', client, caughtUp: true, cache },
  ];
}
