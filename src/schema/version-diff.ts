import { VersionNotFound } from '../domain/version.ts';
import { builder } from './builder.ts';
import { diffBetween, VERSION_CONTENT } from './version-diff-from.ts';

builder.objectType('VersionDiff', {
  description: 'What changed from another version to this one.',
  fields: (t) => ({
    tooDifferent: t.exposeBoolean('tooDifferent', {
      description:
        'The texts share too little for a useful diff within its time budget: `unified` is empty then.',
    }),
    unified: t.exposeString('unified', {
      description:
        'A unified diff of text or messages, then of declared variables and config where they differ.',
    }),
    added: t.exposeInt('added', { description: 'Lines added.' }),
    removed: t.exposeInt('removed', { description: 'Lines removed.' }),
    variablesAdded: t.stringList({
      description: 'Variables that only this version has.',
      resolve: ({ variablesAdded }) => [...variablesAdded],
    }),
    variablesRemoved: t.stringList({
      description: 'Variables that only the other version has.',
      resolve: ({ variablesRemoved }) => [...variablesRemoved],
    }),
    configChanged: t.exposeBoolean('configChanged', { description: 'Whether the config differs.' }),
  }),
});

builder.prismaObjectField('PromptVersion', 'diff', (t) =>
  t.field({
    type: 'VersionDiff',
    description:
      'What changed from version `against` to this one. An unknown number is an error with code VERSION_NOT_FOUND.',
    args: { against: t.arg.int({ required: true, description: 'The number of the other version.' }) },
    select: VERSION_CONTENT,
    resolve: async (version, { against }, { reader }) => {
      const { workspaceId, promptId } = version;
      const other = await reader.promptVersion.findUnique({
        where: { workspaceId_promptId_number: { workspaceId, promptId, number: against } },
        select: VERSION_CONTENT,
      });
      if (other === null) throw new VersionNotFound(`the prompt has no version ${against}`);
      return diffBetween(other, version);
    },
  }),
);
