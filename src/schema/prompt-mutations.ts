import { Forbidden, IdempotencyConflict, InvalidInput, NotFound, Unavailable } from '../domain/errors.ts';
import { PromptArchived, SlugTaken } from '../domain/prompt.ts';
import { EditConflict, KindMismatch } from '../domain/version.ts';
import { builder } from './builder.ts';
import { ContentInput } from './content-input.ts';
import { ownId, refusals } from './mutation.ts';

const IDEMPOTENCY_KEY = 'Same key, same answer for 24 hours, also after an unknown outcome.';

const CreatePromptInput = builder.inputType('CreatePromptInput', {
  description: 'A new prompt.',
  fields: (t) => ({
    slug: t.string({
      required: true,
      description:
        'Segments of a-z, 0-9, ".", "_" and "-" that are not "." or "..", separated by "/"; at most 200 characters.',
    }),
    description: t.string({ description: 'What it is for; at most 2,000 characters.' }),
    tags: t.stringList({ description: 'At most 50 of 64 characters, each once.' }),
    owner: t.string({ description: 'Who looks after it; at most 200 characters.' }),
    content: t.field({
      type: ContentInput,
      required: true,
      description: 'Becomes version 1 and fixes the kind.',
    }),
    message: t.string({ description: 'Why; at most 2,000 characters.' }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const EditPromptInput = builder.inputType('EditPromptInput', {
  description: 'A new version of a prompt.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Of which prompt.' }),
    content: t.field({
      type: ContentInput,
      required: true,
      description: 'The whole content, not a change to it.',
    }),
    message: t.string({ description: 'Why; at most 2,000 characters.' }),
    baseVersion: t.int({
      description:
        'The number that the edit started from; if it is not the newest any more: EditConflict, nothing saved.',
    }),
    onlyIfChanged: t.boolean({
      defaultValue: false,
      description:
        'true: content identical to the newest version answers with that version, nothing is saved.',
    }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const UpdatePromptInput = builder.inputType('UpdatePromptInput', {
  description: 'Metadata to change. Absent: unchanged; null: cleared.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'The slug that it has now.' }),
    newSlug: t.string({
      description: 'The slug that it gets. Applications that fetch the old one find nothing there.',
    }),
    description: t.string({ description: 'What it is for.' }),
    tags: t.stringList({ description: 'All tags, not additions.' }),
    owner: t.string({ description: 'Who looks after it.' }),
  }),
});

const ArchivePromptInput = builder.inputType('ArchivePromptInput', {
  description: 'A prompt to retire.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Which prompt.' }),
    reason: t.string({ description: 'Why; at most 2,000 characters.' }),
  }),
});

const RestorePromptInput = builder.inputType('RestorePromptInput', {
  description: 'A prompt to take out of the archive.',
  fields: (t) => ({ slug: t.string({ required: true, description: 'Which prompt.' }) }),
});

builder.mutationFields((t) => ({
  createPrompt: t.prismaField({
    type: 'Prompt',
    description: 'Creates a prompt; its content becomes version 1, and `latest` serves it.',
    errors: refusals('CreatePromptResult', 'The new prompt, or why there is none.', [
      SlugTaken,
      InvalidInput,
      IdempotencyConflict,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: CreatePromptInput, required: true, description: 'The prompt.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.createPrompt(context.actor, input);
      return context.readBack(() =>
        context.reader.prompt.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
  editPrompt: t.prismaField({
    type: 'PromptVersion',
    description: 'Saves a new version; `latest` follows at once, every other channel stays where it is.',
    errors: refusals('EditPromptResult', 'The new version, or why there is none.', [
      NotFound,
      EditConflict,
      PromptArchived,
      KindMismatch,
      InvalidInput,
      IdempotencyConflict,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: EditPromptInput, required: true, description: 'The edit.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.editPrompt(context.actor, input);
      return context.readBack(() =>
        context.reader.promptVersion.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
}));

builder.mutationFields((t) => ({
  updatePrompt: t.prismaField({
    type: 'Prompt',
    description: 'Changes metadata, never content. Versions, channels and history stay.',
    errors: refusals('UpdatePromptResult', 'The changed prompt, or why it stays as it was.', [
      NotFound,
      SlugTaken,
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: UpdatePromptInput, required: true, description: 'The changes.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.updatePrompt(context.actor, input);
      return context.readBack(() =>
        context.reader.prompt.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
  archivePrompt: t.prismaField({
    type: 'Prompt',
    description:
      'Retires a prompt: no edits, no promotions, and every channel but `latest` stops serving it. Nothing is deleted.',
    errors: refusals('ArchivePromptResult', 'The retired prompt, or why it is not.', [
      NotFound,
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: {
      input: t.arg({ type: ArchivePromptInput, required: true, description: 'Which prompt, and why.' }),
    },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.archivePrompt(context.actor, input);
      return context.readBack(() =>
        context.reader.prompt.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
  restorePrompt: t.prismaField({
    type: 'Prompt',
    description:
      'Takes a prompt out of the archive. No channel serves it again by that: promote or roll back.',
    errors: refusals('RestorePromptResult', 'The restored prompt, or why it is not.', [
      NotFound,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: RestorePromptInput, required: true, description: 'Which prompt.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.restorePrompt(context.actor, input);
      return context.readBack(() =>
        context.reader.prompt.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
}));
