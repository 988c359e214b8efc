import { builder } from './builder.ts';
import { MessageRole } from './scalars.ts';

builder.objectType('Message', {
  description: 'One message of a CHAT version; its content is a template.',
  fields: (t) => ({
    role: t.expose('role', { type: MessageRole, description: 'Who speaks.' }),
    content: t.exposeString('content', { description: 'What is said, byte for byte as it was saved.' }),
    name: t.string({
      nullable: true,
      description: 'The name of the speaker, where a provider wants one.',
      resolve: ({ name }) => name ?? null,
    }),
  }),
});
