import type { Rollout } from '../domain/rollout.ts';
import { builder } from './builder.ts';
import { ownOrReadable } from './visible.ts';

const RolloutRef = builder.objectRef<Rollout>('Rollout').implement({
  description: 'How far a promotion has come among those who follow its channel and its prompt now.',
  fields: (t) => ({
    subscribers: t.exposeInt('subscribers', {
      description:
        'Instances that listen and say what they have applied; each once, however many streams it has.',
    }),
    applied: t.exposeInt('applied', {
      description: 'Of those, how many have applied this promotion, or something later.',
    }),
    silent: t.exposeInt('silent', { description: 'Streams that do not say what they have applied.' }),
  }),
});

builder.prismaObjectField('Promotion', 'rollout', (t) =>
  t.field({
    type: RolloutRef,
    skipTypeScopes: true,
    // Counts, which name nobody: who may read everything of the prompt sees who uses it as well.
    authScopes: ownOrReadable,
    description: 'How far it has come. New streams count within a second, what they apply at once.',
    resolve: ({ id }, _args, { loaders }) => loaders.rollout.load(id),
  }),
);
