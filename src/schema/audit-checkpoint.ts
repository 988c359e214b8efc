import { checkpointLine } from '../domain/checkpoint.ts';
import type { SignedCheckpoint } from '../domain/checkpoint.ts';
import { Forbidden, SigningNotConfigured, Unavailable } from '../domain/errors.ts';
import { newestCheckpoint } from '../db/audit-checkpoints-loaders.ts';
import { builder } from './builder.ts';
import { refusals } from './mutation.ts';

const AuditCheckpoint = builder.objectRef<SignedCheckpoint>('AuditCheckpoint').implement({
  description:
    'Where the log of a workspace ended at a moment, signed with Ed25519: kept elsewhere, it proves later that nothing before it was cut off or written anew.',
  fields: (t) => ({
    seq: t.int({ description: 'The newest event then.', resolve: ({ seq }) => Number(seq) }),
    hash: t.string({
      description: 'The hash of that event, in hexadecimal.',
      resolve: ({ hash }) => Buffer.from(hash).toString('hex'),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was signed.' }),
    keyId: t.exposeString('keyId', {
      description: 'Which key: the first 16 hexadecimal digits of sha256 of the public key (DER).',
    }),
    signature: t.string({
      description: 'Over the text that docs/audit.md describes, in base64.',
      resolve: ({ signature }) => Buffer.from(signature).toString('base64'),
    }),
    line: t.string({
      description: 'All of it as one line of JSON: what `promptforge audit verify --checkpoints` reads.',
      resolve: checkpointLine,
    }),
  }),
});

builder.mutationField('signCheckpoint', (t) =>
  t.field({
    type: AuditCheckpoint,
    description:
      'Signs where the log of the workspace ends now, as happens every hour by itself. Needs the scope audit:sign. The same head is signed once; it is no event of the log.',
    errors: refusals('SignCheckpointResult', 'The checkpoint, or why there is none.', [
      SigningNotConfigured,
      Forbidden,
      Unavailable,
    ]),
    resolve: async (_root, _args, { app, actor, checkpoints: { signer, publish } }) => {
      const checkpoint = await app.signCheckpoint(actor, { signer });
      await publish(checkpoint);
      return checkpoint;
    },
  }),
);

builder.prismaObjectFields('Workspace', (t) => ({
  auditPublicKey: t.string({
    nullable: true,
    description:
      'The public key that checkpoints are signed with (PEM); null: the installation signs none. Compare it with one that you kept: who can change the log can change this answer.',
    resolve: (_workspace, _args, { checkpoints: { signer } }) => signer?.publicKey ?? null,
  }),
  auditCheckpoint: t.field({
    type: AuditCheckpoint,
    nullable: true,
    description: 'The newest checkpoint of its log; null: none was signed yet.',
    select: { id: true },
    resolve: ({ id }, _args, { reader }) => newestCheckpoint(reader, id),
  }),
}));
