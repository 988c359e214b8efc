import { Forbidden, InvalidInput, Unavailable } from '../domain/errors.ts';
import { KindMismatch } from '../domain/version.ts';
import { builder } from './builder.ts';
import { ContentInput } from './content-input.ts';
import { refusals } from './mutation.ts';

const ImportedVersion = builder.inputType('ImportedVersion', {
  description:
    'A version from elsewhere. It is known by slug and committedAt; one that was saved here by slug, content and the date that `promptforge export` gives it.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Of which prompt; an unknown one is created.' }),
    committedAt: t.field({
      type: 'DateTime',
      required: true,
      description: 'When it was made there; becomes its createdAt.',
    }),
    message: t.string({ description: 'Why it was made there; at most 2,000 characters.' }),
    content: t.field({ type: ContentInput, required: true, description: 'What it holds.' }),
  }),
});

const ImportVersionsInput = builder.inputType('ImportVersionsInput', {
  description: 'History from elsewhere.',
  fields: (t) => ({
    versions: t.field({
      type: [ImportedVersion],
      required: true,
      description: '1 to 100, oldest first within a prompt.',
    }),
  }),
});

const ImportReport = builder
  .objectRef<{ created: number; skipped: number; versionIds: readonly string[] }>('ImportReport')
  .implement({
    description: 'What an import did.',
    fields: (t) => ({
      created: t.exposeInt('created', { description: 'Versions that were added.' }),
      skipped: t.exposeInt('skipped', { description: 'Versions that were known already.' }),
      versions: t.prismaField({
        type: ['PromptVersion'],
        description: 'All versions of the input, in its order, whether added now or known.',
        resolve: async (query, { versionIds }, _args, { reader, actor: { workspaceId } }) => {
          const rows = await reader.promptVersion.findMany({
            ...query,
            where: { workspaceId, id: { in: [...versionIds] } },
          });
          const byId = new Map(rows.map((row) => [row.id, row]));
          return versionIds.flatMap((id) => byId.get(id) ?? []);
        },
      }),
    }),
  });

builder.mutationField('importVersions', (t) =>
  t.field({
    type: ImportReport,
    description:
      'Takes in history with its own dates, all or nothing. Needs the scope history:import. A repeated import adds nothing.',
    errors: refusals('ImportVersionsResult', 'What the import did, or why it did nothing.', [
      InvalidInput,
      KindMismatch,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: ImportVersionsInput, required: true, description: 'The history.' }) },
    resolve: (_root, { input }, { app, actor }) => app.importVersions(actor, input),
  }),
);
