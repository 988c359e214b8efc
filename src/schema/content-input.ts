import { builder } from './builder.ts';
import { MessageRole, VariableType } from './scalars.ts';

const MessageInput = builder.inputType('MessageInput', {
  description: 'One message of CHAT content.',
  fields: (t) => ({
    role: t.field({ type: MessageRole, required: true, description: 'Who speaks.' }),
    content: t.string({ required: true, description: 'A template.' }),
    name: t.string({ description: 'The name of the speaker, at most 64 characters.' }),
  }),
});

const VariableInput = builder.inputType('VariableInput', {
  description:
    'A declared variable. One that stands in the text needs no declaration: it is a required STRING then.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'A letter or "_", then letters, digits and "_"; at most 64 characters.',
    }),
    type: t.field({ type: VariableType, defaultValue: 'STRING', description: 'What values it takes.' }),
    required: t.boolean({
      defaultValue: true,
      description: 'Whether a strict render refuses to go without a value.',
    }),
    default: t.field({
      type: 'JSON',
      description: 'What stands in when no value is given; of the declared type.',
    }),
    description: t.string({ description: 'What it means.' }),
    options: t.stringList({ description: 'The values of an ENUM; for no other type.' }),
  }),
});

export const ContentInput = builder.inputType('ContentInput', {
  description:
    'What a version holds: `template` for TEXT or `messages` for CHAT, never both. At most 1 MiB and 500 variables.',
  fields: (t) => ({
    template: t.string({ description: 'TEXT: the text with its holes. Stored byte for byte.' }),
    messages: t.field({ type: [MessageInput], description: 'CHAT: 1 to 500 messages.' }),
    config: t.field({ type: 'JSON', description: 'Model settings; opaque to PromptForge.' }),
    variables: t.field({ type: [VariableInput], description: 'Declarations.' }),
  }),
});
