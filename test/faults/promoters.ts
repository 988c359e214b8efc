import { setTimeout as sleep } from 'node:timers/promises';
import { post, until } from './harness.ts';
import type { Reply } from './harness.ts';
import type { Witness } from './witness.ts';

const PROMPTS = ['a', 'b', 'c', 'd', 'e'];
const VERSIONS = 3;
const PROMOTE = `mutation ($input: PromoteVersionInput!) {
  promoteVersion(input: $input) { ... on Promotion { id } ... on Error { code } }
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

export interface Operation {
  readonly op: string;
  readonly slug: string;
  readonly version: number;
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
  }): Promise<void>;
  /** One operation; its outcome is noted. */
  attempt(url: string, operation: Operation): Promise<'ok' | 'unknown'>;
  /** Repeats, with the same idempotency key, everything that is unknown until it is known. */
  settle(url: string): Promise<void>;
  next(): Operation;
}

export function createPromoters(
  witness: Witness,
  random: (below: number) => number,
  name: string,
): Promoters {
  const unknown = new Map<string, Operation>();
  let count = 0;
  let acknowledged = 0;

  function next(): Operation {
    count += 1;
    return {
      op: `${name}-${count}`,
      slug: PROMPTS[random(PROMPTS.length)] ?? 'a',
      version: 1 + random(VERSIONS),
    };
  }

  async function attempt(url: string, operation: Operation): Promise<'ok' | 'unknown'> {
    const { op, slug, version } = operation;
    witness.note({ what: 'invoke', ...operation });
    const reply = await post(url, PROMOTE, {
      input: { slug, version, reason: op, idempotencyKey: op },
    }).catch((error: unknown): Reply => ({ errors: [{ message: String(error) }] }));
    const answer = reply.data?.['promoteVersion'] as { id?: string; code?: string } | undefined;
    if (answer?.id !== undefined) {
      acknowledged += 1;
      unknown.delete(op);
      witness.note({ what: 'ok', op, promotion: innerId(answer.id) });
      return 'ok';
    }
    const why = answer?.code ?? reply.errors?.[0]?.message ?? 'no answer';
    unknown.set(op, operation);
    witness.note({ what: 'unknown', op, why });
    return 'unknown';
  }

  return {
    acknowledged: () => acknowledged,
    unknown,
    attempt,
    next,
    run: async ({ url, clients, stop, onAcknowledged }) => {
      const client = async () => {
        while (!stop()) {
          if ((await attempt(url, next())) === 'unknown') return;
          onAcknowledged?.(acknowledged);
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

function innerId(globalId: string): string {
  return Buffer.from(globalId, 'base64').toString('utf8').split(':')[1] ?? '';
}
