import type { Grant as GrantFacts } from '../domain/actor.ts';
import { builder } from './builder.ts';
import { Role } from './scalars.ts';

export const Grant = builder.objectRef<GrantFacts>('Grant').implement({
  description: 'A role, and what it is limited to.',
  fields: (t) => ({
    role: t.expose('role', { type: Role, description: 'The role.' }),
    prompts: t.stringList({
      nullable: true,
      description: 'The slugs and folders ("support/*") that it is for; null: every prompt.',
      resolve: ({ prompts }) => prompts?.slice() ?? null,
    }),
    channels: t.stringList({
      nullable: true,
      description: 'The channels that it is for; null: every channel.',
      resolve: ({ channels }) => channels?.slice() ?? null,
    }),
  }),
});
