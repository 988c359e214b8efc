import type { Message } from '../domain/template.ts';
import { builder } from './builder.ts';
import { fromSnapshot } from './from-snapshot.ts';
import { MessageRole } from './scalars.ts';

builder.objectType('Message', {
  description: 'One message of a CHAT version; its content is a template.',
  fields: (t) => ({
    role: t.expose('role', {
      type: MessageRole,
      extensions: fromSnapshot<Message>(({ role }) => role),
      description: 'Who speaks.',
    }),
    content: t.exposeString('content', {
      extensions: fromSnapshot<Message>(({ content }) => content),
      description: 'What is said, byte for byte as it was saved.',
    }),
    name: t.string({
      nullable: true,
      extensions: fromSnapshot<Message>(({ name }) => name),
      description: 'The name of the speaker, where a provider wants one.',
      resolve: ({ name }) => name ?? null,
    }),
  }),
});
