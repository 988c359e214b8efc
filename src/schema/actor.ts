import { builder } from './builder.ts';

const ActorKind = builder.enumType('ActorKind', {
  description: 'What acted.',
  values: {
    USER: { description: 'A person.' },
    API_KEY: { description: 'A service or script with an API key.' },
    SYSTEM: { description: 'PromptForge itself, such as at the first start.' },
  } as const,
});

builder.objectType('Actor', {
  description: 'Who did it.',
  fields: (t) => ({
    kind: t.expose('kind', { type: ActorKind, description: 'What acted.' }),
    name: t.exposeString('name', { description: 'As it was called when it acted.' }),
  }),
});
