import { randomBytes } from 'node:crypto';
import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import type { ApiKey } from '../db/generated/prisma/client.ts';
import { Forbidden, InvalidInput, NotFound, Unavailable } from '../domain/errors.ts';
import { builder, modelRef } from './builder.ts';
import type { Context } from './context.ts';
import { ownId, refusals } from './mutation.ts';
import { innerId } from './node-id.ts';
import { Role } from './scalars.ts';

const SECRET_BYTES = 32;

interface ShownKey {
  readonly key: string;
  readonly apiKey: ApiKey;
}

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A new API key.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is for; at most 100 characters.' }),
    role: t.field({
      type: Role,
      required: true,
      description: 'Its role; OPERATOR is made at the console of the installation only.',
    }),
    scopes: t.stringList({
      description:
        'What it may do, of what its role grants and you hold yourself. Absent: all that the role grants but what moves production: promoting, rolling back, reviewing and breaking the glass must be named.',
    }),
    prompts: t.stringList({
      description: 'Slugs and folders ("support/*") that it is limited to, 1 to 100; absent: no limit.',
    }),
    channels: t.stringList({
      description: 'Channels that it is limited to, 1 to 100; absent: no limit.',
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends by itself; absent: never.' }),
  }),
});

const RotateApiKeyInput = builder.inputType('RotateApiKeyInput', {
  description: 'A key that shall get another secret.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Which key.' }),
    overlapDays: t.int({
      defaultValue: 0,
      description:
        'For how many days the present secret goes on to be accepted, 0 to 7. A secret from before that ends at once.',
    }),
  }),
});

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'A key that shall end.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Which key.' }) }),
});

const KEY = 'The key in clear, this once: nobody can show it again.';

const CreatedApiKey = builder.objectRef<ShownKey>('CreatedApiKey').implement({
  description: 'A new key with its secret.',
  fields: (t) => ({
    apiKey: t.field({
      type: modelRef('ApiKey'),
      description: 'The key as it is listed.',
      resolve: ({ apiKey }) => apiKey,
    }),
    key: t.exposeString('key', { description: KEY }),
  }),
});

const RotatedApiKey = builder.objectRef<ShownKey>('RotatedApiKey').implement({
  description: 'A key with its new secret.',
  fields: (t) => ({
    apiKey: t.field({
      type: modelRef('ApiKey'),
      description: 'The key as it is listed: its id, name and rights have stayed.',
      resolve: ({ apiKey }) => apiKey,
    }),
    key: t.exposeString('key', { description: KEY }),
  }),
});

builder.mutationField('createApiKey', (t) =>
  t.field({
    type: CreatedApiKey,
    description:
      'Creates a key. Nobody gives it more than he holds himself; a workspace has at most 1,000 active keys. Needs the scope keys:manage.',
    errors: refusals('CreateApiKeyResult', 'The new key, or why there is none.', [
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: CreateApiKeyInput, required: true, description: 'The key.' }) },
    resolve: async (_root, { input }, context, info) =>
      shown(
        await context.app.createApiKey(context.actor, { ...input, secret: randomBytes(SECRET_BYTES) }),
        context,
        info,
      ),
  }),
);

builder.mutationField('rotateApiKey', (t) =>
  t.field({
    type: RotatedApiKey,
    description:
      'Gives a key another secret. Its id, name and rights stay; you need to hold its scopes yourself. Needs the scope keys:manage.',
    errors: refusals('RotateApiKeyResult', 'The key with its new secret, or why it was not rotated.', [
      NotFound,
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: RotateApiKeyInput, required: true, description: 'Which key, and how.' }) },
    resolve: async (_root, { input: { id, overlapDays } }, context, info) =>
      shown(
        await context.app.rotateApiKey(context.actor, {
          id: innerId('ApiKey', id),
          overlapDays: overlapDays ?? 0,
          secret: randomBytes(SECRET_BYTES),
        }),
        context,
        info,
      ),
  }),
);

builder.mutationField('revokeApiKey', (t) =>
  t.prismaField({
    type: 'ApiKey',
    description:
      'Ends a key with all its secrets, and the streams that are open with it, within seconds on every node. Doing it twice changes nothing. Needs the scope keys:manage.',
    errors: refusals('RevokeApiKeyResult', 'The key as it is now, or why it was not revoked.', [
      NotFound,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: RevokeApiKeyInput, required: true, description: 'Which key.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = innerId('ApiKey', input.id);
      await context.app.revokeApiKey(context.actor, { id });
      return context.readBack(() =>
        context.reader.apiKey.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
);

/** What was asked of the key, read before anything is answered: a secret must not be lost to a field that fails. */
async function shown(
  { id, key }: { readonly id: string; readonly key: string },
  context: Context,
  info: GraphQLResolveInfo,
): Promise<ShownKey> {
  const query: { readonly select?: never } = queryFromInfo({ context, info, path: ['apiKey'] });
  const apiKey = await context
    .readBack(() => context.reader.apiKey.findUniqueOrThrow({ ...query, where: ownId(context, id) }))
    .catch((error: unknown) => {
      if (!(error instanceof Unavailable)) throw error;
      throw new Unavailable(
        'the key has its new secret, but the answer could not be read and the secret is lost: rotate or revoke the key',
      );
    });
  return { key, apiKey };
}
