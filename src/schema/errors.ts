import { AlreadyRequested, RequestClosed } from '../domain/approval.ts';
import { ChannelNotFound, ChannelReserved } from '../domain/channel.ts';
import {
  Forbidden,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  SigningNotConfigured,
  Unavailable,
} from '../domain/errors.ts';
import type { Refusal } from '../domain/errors.ts';
import { ChannelMoved, NothingToRollBack } from '../domain/promotion.ts';
import { PromptArchived, SlugTaken } from '../domain/prompt.ts';
import { EditConflict, KindMismatch, VersionNotFound } from '../domain/version.ts';
import { WorkspaceSlugTaken } from '../domain/workspace.ts';
import { builder, modelRef } from './builder.ts';
import { rowQuery } from './connection.ts';
import { fromSnapshot } from './from-snapshot.ts';

interface Face {
  readonly code: string;
  readonly message: string;
}

/** The face of every refusal: `... on Error { code message }` always works. */
export const ErrorInterface = builder.interfaceRef<Face>('Error').implement({
  description: 'A typed refusal: nothing was changed, and the type says why.',
  fields: (t) => ({
    // Marked for the one refusal that memory can answer: that values do not fit a version.
    code: t.exposeString('code', {
      extensions: fromSnapshot<Face>(({ code }) => code),
      description:
        'Stable, for programs; the same in GraphQL errors (`extensions.code`) and in REST problems.',
    }),
    message: t.exposeString('message', {
      extensions: fromSnapshot<Face>(({ message }) => message),
      description: 'What was wrong, where, and what would be right; for people, may change.',
    }),
  }),
});

// Pothos types its options by the concrete class; for these classes all that matters of it is that it is a refusal.
function face(refusal: new (...args: never[]) => Refusal, description: string): void {
  builder.objectType(refusal as unknown as typeof NotFound, {
    name: refusal.name,
    description,
    interfaces: [ErrorInterface],
    isTypeOf: (value) => value instanceof refusal,
  });
}

face(NotFound, 'This workspace holds nothing of that name.');
face(Forbidden, 'The credential is valid and lacks the scope.');
face(
  Unavailable,
  'The database cannot be reached or did not answer in time. With an idempotency key the same call is safe to repeat.',
);
face(IdempotencyConflict, 'The idempotency key was used before with another input for this mutation.');
face(SlugTaken, 'Another prompt of this workspace has the slug.');
face(WorkspaceSlugTaken, 'Another workspace of this installation has the slug.');
face(PromptArchived, 'The prompt is retired: restore it first.');
face(KindMismatch, 'The content is of the other kind; a prompt is TEXT or CHAT for life.');
face(
  VersionNotFound,
  'The prompt has no such version, or, for a rollback, the channel was never promoted to it.',
);
face(ChannelNotFound, 'This workspace has no channel of that name.');
face(
  ChannelReserved,
  '`latest` follows every save and is not moved by hand; `latest` and `stable` exist everywhere and are not created.',
);
face(SigningNotConfigured, 'The installation has no key to sign checkpoints of the audit trail with.');
face(NothingToRollBack, 'The channel served nothing of this prompt before.');

builder.objectType(RequestClosed, {
  name: 'RequestClosed',
  description: 'The request was answered, superseded, taken back, or is too old. Nothing was changed.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof RequestClosed,
  fields: (t) => ({
    request: t.prismaField({
      type: 'PromotionRequest',
      description: 'The request, with what became of it.',
      resolve: (query, { requestId }, _args, { reader, actor: { workspaceId } }) =>
        reader.promotionRequest.findUniqueOrThrow({
          ...query,
          where: { workspaceId_id: { workspaceId, id: requestId } },
        }),
    }),
  }),
});

builder.objectType(AlreadyRequested, {
  name: 'AlreadyRequested',
  description: 'This version is asked for on this channel already. Nothing was changed.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof AlreadyRequested,
  fields: (t) => ({
    request: t.prismaField({
      type: 'PromotionRequest',
      description: 'The open request.',
      resolve: (query, { requestId }, _args, { reader, actor: { workspaceId } }) =>
        reader.promotionRequest.findUniqueOrThrow({
          ...query,
          where: { workspaceId_id: { workspaceId, id: requestId } },
        }),
    }),
  }),
});

builder.objectType(InvalidInput, {
  name: 'InvalidInput',
  description: 'A field of the input breaks a rule.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof InvalidInput,
  fields: (t) => ({
    field: t.exposeString('field', {
      description: 'Path of the field, such as `content.variables[2].default`.',
    }),
  }),
});

builder.objectType(EditConflict, {
  name: 'EditConflict',
  description: 'The version that the edit started from is not the newest any more. Nothing was saved.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof EditConflict,
  fields: (t) => ({
    newest: t.prismaField({
      type: 'PromptVersion',
      description: 'The version to start from again.',
      resolve: (query, conflict, _args, { reader, actor: { workspaceId } }) =>
        reader.promptVersion.findUniqueOrThrow({
          ...query,
          where: { workspaceId_id: { workspaceId, id: conflict.newestVersionId } },
        }),
    }),
  }),
});

builder.objectType(ChannelMoved, {
  name: 'ChannelMoved',
  description: 'The channel does not serve what `expectedVersion` says. Nothing was changed.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof ChannelMoved,
  fields: (t) => ({
    serving: t.field({
      type: modelRef('PromptVersion'),
      nullable: true,
      description: 'What the channel serves; null: no version of the prompt.',
      resolve: ({ servingVersionId: id }, _args, context, info) => {
        if (id === null) return null;
        const query = rowQuery(context, info);
        return context.reader.promptVersion.findUnique({
          ...query,
          where: { workspaceId_id: { workspaceId: context.actor.workspaceId, id } },
        });
      },
    }),
  }),
});
