import { lintTemplate } from '../domain/template.ts';
import type { LintWarning } from '../domain/template.ts';
import { storedContent } from '../domain/version.ts';
import { builder } from './builder.ts';

const LintKind = builder.enumType('LintKind', {
  description: 'What looks unintended.',
  values: {
    STRAY_BRACES: { description: '"{{" that starts no variable: it stays in the text as it is.' },
    UNUSED_VARIABLE: { description: 'A declared variable that no text uses.' },
  } as const,
});

const LintWarningRef = builder.objectRef<LintWarning>('LintWarning').implement({
  description: 'Something in a version that is allowed and looks unintended.',
  fields: (t) => ({
    kind: t.expose('kind', { type: LintKind, description: 'What looks unintended.' }),
    message: t.exposeString('message', { description: 'What, and what would be right; for people.' }),
    offset: t.int({
      nullable: true,
      description: 'STRAY_BRACES: where in the text, in UTF-16 units.',
      resolve: (warning) => (warning.kind === 'STRAY_BRACES' ? warning.offset : null),
    }),
    messageIndex: t.int({
      nullable: true,
      description: 'STRAY_BRACES in a CHAT version: in which message, from 0.',
      resolve: (warning) => (warning.kind === 'STRAY_BRACES' ? warning.messageIndex : null),
    }),
    variable: t.string({
      nullable: true,
      description: 'UNUSED_VARIABLE: its name.',
      resolve: (warning) => (warning.kind === 'UNUSED_VARIABLE' ? warning.name : null),
    }),
  }),
});

builder.prismaObjectField('PromptVersion', 'lint', (t) =>
  t.field({
    type: [LintWarningRef],
    description:
      'What looks unintended in this version: ask for it in the answer of a save. At most 100 stray braces are named.',
    select: { template: true, messages: true, config: true, variables: true },
    resolve: (version) => {
      const content = storedContent(version);
      return lintTemplate(content, content.variables);
    },
  }),
);
