import DataLoader from 'dataloader';
import type { Judgement } from '../domain/approval.ts';
import { can } from '../domain/actor.ts';
import type { Actor, Grant } from '../domain/actor.ts';
import { isScope } from '../domain/actor-role.ts';
import type { Role } from '../domain/actor-role.ts';
import type { Reader } from './client.ts';
import { loadReviews, loadStandings, standingKey } from './promotion-standing.ts';
import type { Standing, StandingKey } from './promotion-standing.ts';

/** So many members and keys are looked through for who could approve. */
const LOOKED_THROUGH_MAX = 1_000;
const APPROVERS_MAX = 100;

// Types, not interfaces: createLoaders answers with these loaders, and only a type can be written out where its name is not known.
type ApproversKey = { readonly slug: string; readonly channel: string };

/** What stands between versions and channels, batched for the length of one request. */
export function createPromotionLoaders(reader: Reader, workspaceId: string) {
  let reviewers: Promise<Actor[]> | undefined;
  const allReviewers = () => (reviewers ??= loadReviewers(reader, workspaceId));
  return {
    /** Null: the prompt has no such version. */
    standing: new DataLoader<StandingKey, Standing | null, string>(
      async (keys) => {
        const found = await loadStandings(reader, workspaceId, keys, new Date());
        return keys.map((key) => found.get(standingKey(key)) ?? null);
      },
      { cacheKeyFn: standingKey },
    ),
    /** The reviews of a request, in order, open or closed. */
    judgements: new DataLoader<string, readonly Judgement[]>(async (ids) => {
      const found = await loadReviews(reader, workspaceId, ids);
      return ids.map((id) => found.get(id) ?? []);
    }),
    /** Members and keys that may review there, by name: two statements a request. */
    approvers: new DataLoader<ApproversKey, Actor[], string>(
      async (targets) => {
        const all = await allReviewers();
        return targets.map((target) => all.filter((actor) => can(actor, 'promotions:review', target)));
      },
      { cacheKeyFn: ({ slug, channel }) => `${channel} ${slug}` },
    ),
  };
}

/** Of those who may review, the ones whose approval counts. */
export function approversFor(actors: readonly Actor[], barred: ReadonlySet<string>): Actor[] {
  return actors.filter(({ id }) => !barred.has(id)).slice(0, APPROVERS_MAX);
}

async function loadReviewers(reader: Reader, workspaceId: string): Promise<Actor[]> {
  const now = new Date();
  const keys = await reader.apiKey.findMany({
    where: {
      workspaceId,
      revokedAt: null,
      scopes: { has: 'promotions:review' },
      OR: [{ expiresAt: null }, { expiresAt: { gt: now } }],
    },
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
    take: LOOKED_THROUGH_MAX,
    select: { id: true, name: true, role: true, scopes: true, prompts: true, channels: true },
  });
  const members = await reader.member.findMany({
    where: { workspaceId, suspendedAt: null },
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
    take: LOOKED_THROUGH_MAX,
    select: { id: true, name: true, role: true, claimedRole: true, grants: true },
  });
  const actors: Actor[] = [
    ...members.map(({ id, name, role, claimedRole, grants }) =>
      actorOf({ workspaceId, kind: 'USER', id, name }, [
        ...grantOf(role ?? claimedRole, null, null),
        ...(Array.isArray(grants) ? (grants as unknown as Grant[]) : []),
      ]),
    ),
    ...keys.map(({ id, name, role, scopes, prompts, channels }) => ({
      ...actorOf({ workspaceId, kind: 'API_KEY', id, name }, grantOf(role, prompts, channels)),
      scopes: scopes.filter(isScope),
    })),
  ];
  return actors.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function grantOf(role: Role | null, prompts: unknown, channels: unknown): Grant[] {
  if (role === null) return [];
  return [{ role, prompts: prompts as Grant['prompts'], channels: channels as Grant['channels'] }];
}

function actorOf(who: Pick<Actor, 'workspaceId' | 'kind' | 'id' | 'name'>, grants: readonly Grant[]): Actor {
  return { ...who, role: 'VIEWER', grants, scopes: null, expiresAt: null, origin: null };
}
