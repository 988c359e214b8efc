import { ChannelReserved } from '../domain/channel.ts';
import { Forbidden, InvalidInput, Unavailable } from '../domain/errors.ts';
import { builder } from './builder.ts';
import { ownId, refusals } from './mutation.ts';

const CreateChannelInput = builder.inputType('CreateChannelInput', {
  description: 'A new channel.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'A lower-case letter, then at most 31 of a-z, 0-9 and "-".',
    }),
    description: t.string({ description: 'What it is for; at most 2,000 characters.' }),
  }),
});

builder.mutationField('createChannel', (t) =>
  t.prismaField({
    type: 'Channel',
    description: 'Creates a channel that serves nothing yet; a workspace has at most 32.',
    errors: refusals('CreateChannelResult', 'The new channel, or why there is none.', [
      InvalidInput,
      ChannelReserved,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: CreateChannelInput, required: true, description: 'The channel.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.createChannel(context.actor, input);
      return context.readBack(() =>
        context.reader.channel.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
);
