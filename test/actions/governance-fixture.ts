import type { Actor } from '../../src/domain/actor.ts';
import type { Role } from '../../src/domain/actor-role.ts';
import type { SetChannelPolicyInput } from '../../src/actions/set-channel-policy.ts';
import { actorWith } from '../support/actors.ts';
import { createTestApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { contentOfVersion, serving, upTo } from '../support/seed.ts';

let made = 0;

export interface Governed extends TestApp {
  /** What the clock says; moved by the test. */
  readonly time: { now: Date };
  readonly editor: Actor;
  readonly releaser: Actor;
  readonly reviewers: readonly [Actor, Actor, Actor];
  actor(name: string, role: Role, facts?: Partial<Actor>): Actor;
  /** A prompt with so many versions, all by the editor, with a slug of its own in the folder. */
  prompt(folder: string, versions?: number): Promise<string>;
  policy(input: Partial<SetChannelPolicyInput>): Promise<string>;
  request(slug: string, version: number, reason?: string, channel?: string): Promise<string>;
  review(requestId: string, by: Actor, decision?: 'APPROVE' | 'REJECT'): Promise<string>;
  served(slug: string, channel?: string): Promise<number | null>;
  status(requestId: string): Promise<string>;
  /** Types of the events since a sequence, with the parts of the payload that are asked for. */
  told(after: number): Promise<string[]>;
  pass(minutes: number): void;
}

export async function createGoverned(): Promise<Governed> {
  const time = { now: new Date('2026-11-01T00:00:00Z') };
  const world = await createTestApp({ clock: () => time.now });
  const { workspaceId } = world.admin;
  const actor: Governed['actor'] = (name, role, facts = {}) =>
    actorWith({ workspaceId, name, role, ...facts });
  const editor = actor('emil', 'EDITOR');
  const reviewers = [
    actor('rita', 'RELEASER'),
    actor('rolf', 'RELEASER'),
    actor('rosa', 'RELEASER'),
  ] as const;
  return {
    ...world,
    time,
    editor,
    releaser: actor('rene', 'RELEASER'),
    reviewers,
    actor,
    prompt: async (folder, versions = 2) => {
      const slug = `${folder}/prompt-${++made}`;
      await world.createPrompt(editor, { slug, content: contentOfVersion(1) });
      for (const number of upTo(versions).slice(1))
        await world.editPrompt(editor, { slug, content: contentOfVersion(number) });
      return slug;
    },
    policy: (input) => world.setChannelPolicy(world.admin, { channel: 'stable', ...input }),
    request: (slug, version, reason, channel) =>
      world.requestPromotion(editor, { slug, version, reason: reason ?? null, channel: channel ?? 'stable' }),
    review: (requestId, by, decision = 'APPROVE') => world.reviewPromotion(by, { requestId, decision }),
    served: (slug, channel = 'stable') => serving(world, slug, channel),
    status: async (id) => {
      const row = await world.rows.promotionRequest.findUniqueOrThrow({
        where: { workspaceId_id: { workspaceId, id } },
        select: { status: true },
      });
      return row.status;
    },
    told: async (after) => (await world.events({ after })).map(({ type }) => type),
    pass: (minutes) => {
      time.now = new Date(time.now.getTime() + minutes * 60_000);
    },
  };
}
