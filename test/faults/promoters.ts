import { setTimeout as sleep } from 'node:timers/promises';
import { post, until } from './harness.ts';
import type { Reply } from './harness.ts';
import type { History, Item } from './history.ts';

const PROMPTS = ['a', 'b', 'c', 'd', 'e'];
const VERSIONS = 3;
const PROMOTE = `mutation ($input: PromoteVersionInput!) {
  promoteVersion(input: $input) { ... on Promotion { id } ... on Error { code } }
}`;
const PROMOTE_ALL = `mutation ($input: PromoteVersionsInput!) {
  promoteVersions(input: $input) { ... on PromotionBatch { promotions { id } } ... on Error { code } }
}`;

/** Prompts with versions to choose from. */
export async function seedPrompts(url: string): Promise<void> {
  for (const slug of PROMPTS) {
    const create = await post(
      url,
      `mutation { createPrompt(input: { slug: "${slug}", content: { template: "1" } }) { ... on Prompt { id } } }`,
    );
    if (create.data?.['createPrompt'] === undefined) throw new Error(JSON.stringify(create));
    for (let number = 2; number <= VERSIONS; number += 1) {
      await post(
        url,
        `mutation { editPrompt(input: { slug: "${slug}", content: { template: "${number}" } }) { ... on PromptVersion { id } } }`,
      );
    }
  }
}

/** One promotion, or several prompts in one commit. */
export interface Operation {
  readonly op: string;
  readonly items: readonly Item[];
}

export interface Promoters {
  readonly acknowledged: () => number;
  /** Operations without a certain outcome. */
  readonly unknown: ReadonlyMap<string, Operation>;
  /** Clients that promote, each as fast as it is answered, until `stop` says so or one of theirs has no certain outcome. */
  run(options: {
    url: string;
    clients: number;
    stop: () => boolean;
    onAcknowledged?: (count: number) => void;
    /** Goes on with another one where an outcome is not certain. */
    persistent?: boolean;
  }): Promise<void>;
  /** One operation; its outcome is noted. */
  attempt(url: string, operation: Operation): Promise<'ok' | 'unknown'>;
  /** Repeats, with the same idempotency key, everything that is unknown until it is known. */
  settle(url: string): Promise<void>;
  next(): Operation;
}

export function createPromoters(
  history: History,
  random: (below: number) => number,
  name: string,
  { batch = 1 }: { readonly batch?: number } = {},
): Promoters {
  const unknown = new Map<string, Operation>();
  let count = 0;
  let acknowledged = 0;

  function next(): Operation {
    count += 1;
    const first = random(PROMPTS.length);
    const items = Array.from({ length: batch }, (_, index) => ({
      slug: PROMPTS[(first + index) % PROMPTS.length] ?? 'a',
      version: 1 + random(VERSIONS),
    }));
    return { op: `${name}-${count}`, items };
  }

  async function attempt(url: string, operation: Operation): Promise<'ok' | 'unknown'> {
    const { op } = operation;
    history.note({ what: 'invoke', ...operation });
    const answer = await promote(url, operation).catch((error: unknown) => ({ why: String(error) }));
    if ('promotions' in answer) {
      acknowledged += 1;
      unknown.delete(op);
      history.note({ what: 'ok', op, promotions: answer.promotions.map(innerId) });
      return 'ok';
    }
    unknown.set(op, operation);
    history.note({ what: 'unknown', op, why: answer.why });
    return 'unknown';
  }

  return {
    acknowledged: () => acknowledged,
    unknown,
    attempt,
    next,
    run: async ({ url, clients, stop, onAcknowledged, persistent = false }) => {
      const client = async () => {
        while (!stop()) {
          const outcome = await attempt(url, next());
          if (outcome === 'ok') onAcknowledged?.(acknowledged);
          else if (persistent) await sleep(100);
          else return;
        }
      };
      await Promise.all(Array.from({ length: clients }, client));
    },
    settle: async (url) => {
      await until('every operation has an outcome', async () => {
        for (const operation of unknown.values()) await attempt(url, operation);
        if (unknown.size > 0) await sleep(100);
        return unknown.size === 0;
      });
    },
  };
}

async function promote(
  url: string,
  { op, items }: Operation,
): Promise<{ promotions: string[] } | { why: string }> {
  const [first] = items;
  const common = { reason: op, idempotencyKey: op };
  const reply: Reply =
    items.length === 1
      ? await post(url, PROMOTE, { input: { ...first, ...common } })
      : await post(url, PROMOTE_ALL, { input: { items, ...common } });
  const [answer] = Object.values(reply.data ?? {}) as (Answer | null)[];
  const ids = answer?.id === undefined ? answer?.promotions?.map(({ id }) => id) : [answer.id];
  if (ids !== undefined) return { promotions: ids };
  return { why: answer?.code ?? reply.errors?.[0]?.message ?? 'no answer' };
}

interface Answer {
  readonly id?: string;
  readonly promotions?: readonly { readonly id: string }[];
  readonly code?: string;
}

/** The UUID inside of a global id. */
export function innerId(globalId: string): string {
  return Buffer.from(globalId, 'base64').toString('utf8').split(':')[1] ?? '';
}
