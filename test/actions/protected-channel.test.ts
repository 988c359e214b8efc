import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refusal } from '../../src/domain/errors.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { createGoverned } from './governance-fixture.ts';
import type { Governed } from './governance-fixture.ts';

const NEED = 2;

let world: Governed;
beforeAll(async () => {
  world = await createGoverned();
  await world.policy({ pattern: 'support/*', approvals: NEED });
  await world.policy({ pattern: 'support/hand/*', approvals: NEED, autoApply: false });
  await world.createChannel(world.admin, { name: 'canary' });
});
afterAll(() => world.close());

interface Command {
  readonly verb: (typeof VERBS)[number];
  readonly by: number;
  readonly prompt: number;
  readonly version: number;
  readonly request: number;
  readonly atOnce: boolean;
}

const VERBS = [
  'edit',
  'request',
  'request',
  'approve',
  'approve',
  'approve',
  'reject',
  'promote',
  'promote',
  'promoteBoth',
  'rollback',
  'rollbackTo',
  'withdraw',
  'archive',
  'restore',
  'rename',
  'cancel',
  'breakGlass',
] as const;

const APPROVAL: Command = { verb: 'approve', by: 4, prompt: 0, version: 2, request: 0, atOnce: false };

const commands = fc.array(
  fc.record({
    verb: fc.constantFrom(...VERBS),
    by: fc.nat(4),
    prompt: fc.nat(1),
    version: fc.integer({ min: 1, max: 3 }),
    request: fc.nat(5),
    atOnce: fc.boolean(),
  }),
  { minLength: 6, maxLength: 18 },
);

/** One run: two protected prompts, and people of whom none is an admin. */
class Run {
  readonly #people: readonly Actor[];
  readonly #slugs: string[];
  readonly promptIds: string[] = [];
  readonly #requests: string[] = [];

  constructor(slugs: readonly string[]) {
    this.#slugs = [...slugs];
    this.#people = [
      world.editor,
      world.actor('second editor', 'EDITOR'),
      // Writes versions and reviews them.
      world.actor('both', 'RELEASER', { id: world.editor.id }),
      ...world.reviewers.slice(0, 2),
    ];
  }

  async play(all: readonly Command[]): Promise<void> {
    let together: Promise<void>[] = [];
    for (const command of all) {
      together.push(this.#attempt(command));
      if (command.atOnce) continue;
      await Promise.all(together);
      together = [];
    }
    await Promise.all(together);
  }

  async #attempt(command: Command): Promise<void> {
    try {
      await this.#do(command);
    } catch (error) {
      // Refused is as good as done here; anything else is a defect.
      if (!(error instanceof Refusal)) throw error;
    }
  }

  async #do({ verb, by, prompt, version, request }: Command): Promise<void> {
    const actor = this.#people[by] ?? world.editor;
    const slug = this.#slugs[prompt] ?? '';
    const requestId = this.#requests[request % Math.max(1, this.#requests.length)] ?? world.editor.id;
    switch (verb) {
      case 'edit':
        return void (await world.editPrompt(actor, { slug, content: { template: `by ${by} ${version}` } }));
      case 'request':
        return void this.#requests.push(await world.requestPromotion(actor, { slug, version }));
      case 'approve':
        return void (await world.reviewPromotion(actor, { requestId, decision: 'APPROVE' }));
      case 'reject':
        return void (await world.reviewPromotion(actor, { requestId, decision: 'REJECT' }));
      case 'promote':
        return void (await world.promoteVersion(actor, { slug, version }));
      case 'promoteBoth':
        return void (await world.promoteVersions(actor, {
          items: this.#slugs.map((one) => ({ slug: one, version })),
        }));
      case 'rollback':
        return void (await world.rollbackChannel(actor, { slug }));
      case 'rollbackTo':
        return void (await world.rollbackChannel(actor, { slug, toVersion: version }));
      case 'withdraw':
        return void (await world.withdrawPrompt(actor, { slug, channel: 'stable' }));
      case 'archive':
        return void (await world.archivePrompt(actor, { slug }));
      case 'restore':
        return void (await world.restorePrompt(actor, { slug }));
      case 'rename': {
        const newSlug = version === 1 ? `free/${slug.replaceAll('/', '-')}` : `${slug}x`;
        await world.updatePrompt(actor, { slug, newSlug });
        this.#slugs[prompt] = newSlug;
        return;
      }
      case 'cancel':
        return void (await world.cancelPromotionRequest(actor, { requestId }));
      case 'breakGlass':
        return void (await world.promoteVersion(actor, {
          slug,
          version,
          breakGlass: true,
          reason: 'it is on fire, really',
        }));
    }
  }
}

interface Moved {
  readonly kind: string;
  readonly version: number;
  readonly requestId?: string;
  readonly breakGlass?: boolean;
}

/** The model: recounts the trail of one prompt from its own words. @returns how often its channel was promoted, and what was wrong. */
async function recount(promptId: string): Promise<{ count: number; faults: string[] }> {
  const versions = await world.rows.promptVersion.findMany({ where: { promptId } });
  const authors = new Map(versions.map(({ number, authorId }) => [number, authorId]));
  const events = await world.rows.event.findMany({ where: { promptId }, orderBy: { seq: 'asc' } });
  const requesters = new Map<string, string>();
  const verdicts = new Map<string, Map<string, string>>();
  const promoted = new Set<number>();
  const faults: string[] = [];
  for (const { seq, type, actorId, payload } of events) {
    const facts = JSON.parse(payload) as Record<string, unknown> & Moved & { channel?: string };
    const requestId = facts.requestId ?? '';
    const known = verdicts.get(requestId) ?? new Map<string, string>();
    if (type === 'PromotionRequested') requesters.set(requestId, actorId);
    if (type === 'PromotionReviewed') verdicts.set(requestId, known.set(actorId, String(facts['decision'])));
    if (type !== 'VersionPromoted' || facts.channel !== 'stable') continue;
    const barred = [requesters.get(requestId), authors.get(facts.version)];
    const approvals = [...known].filter(
      ([reviewer, decision]) => decision === 'APPROVE' && !barred.includes(reviewer),
    );
    const isApproved = approvals.length >= NEED && ![...known.values()].includes('REJECT');
    const isRight = facts.kind === 'ROLLBACK' ? promoted.has(facts.version) : isApproved;
    if (!isRight || facts.breakGlass === true) faults.push(`event ${seq}: ${payload}`);
    if (facts.kind !== 'ROLLBACK') promoted.add(facts.version);
  }
  return { count: promoted.size, faults };
}

describe('a protected channel', () => {
  it(
    'moves to nothing that was not approved as its policy demands, whatever people who are no admins do',
    { timeout: 240_000 },
    async () => {
      let moved = 0;
      await fc.assert(
        fc.asyncProperty(commands, fc.constantFrom('support', 'support/hand'), async (all, folder) => {
          const slugs = [await world.prompt(folder, 2), await world.prompt(folder, 2)];
          const ids = await world.rows.prompt.findMany({ where: { slug: { in: slugs } } });
          // So that something is near to moving from the beginning.
          const run = new Run(slugs);
          await run.play([
            { verb: 'request', by: 1, prompt: 0, version: 2, request: 0, atOnce: false },
            { verb: 'approve', by: 3, prompt: 0, version: 2, request: 0, atOnce: false },
            ...all,
          ]);
          for (const { id } of ids) {
            const { count, faults } = await recount(id);
            expect(faults).toEqual([]);
            moved += count;
          }
        }),
        // The first is one that moves, whatever the others do.
        { numRuns: 15, examples: [[[APPROVAL], 'support']] },
      );
      // A property about moves of which there was none would hold of any code.
      expect(moved).toBeGreaterThan(0);
    },
  );
});
