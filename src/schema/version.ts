import type { ServedVersion } from '../db/serving.ts';
import { shownVariables } from '../domain/version-variables.ts';
import type { JsonValue, Message } from '../domain/template.ts';
import { storedContent } from '../domain/version.ts';
import { builder, modelRef } from './builder.ts';
import type { Context } from './context.ts';
import { fromSnapshot } from './from-snapshot.ts';
import { encodeNodeId } from './node-id.ts';
import { PromptKind } from './scalars.ts';
import { mayRead } from './visible.ts';

const CONTENT = { template: true, messages: true, config: true, variables: true } as const;

builder.prismaNode('PromptVersion', {
  description: 'Immutable content with a number. Every save makes one; none is ever changed or removed.',
  id: {
    resolve: (version) => version.id,
    description: 'Global id.',
    extensions: fromSnapshot<ServedVersion>(({ versionId }) => encodeNodeId('PromptVersion', versionId)),
  },
  nullable: true,
  findUnique: (id, { actor: { workspaceId } }) => ({ workspaceId_id: { workspaceId, id } }),
  select: { id: true, workspaceId: true, promptId: true, number: true, authorId: true },
  // What a served version needs is open; the rest is for who may read everything of the prompt.
  authScopes: ({ promptId }, context) => mayRead(context, promptId),
  fields: (t) => ({
    number: t.exposeInt('number', {
      skipTypeScopes: true,
      extensions: fromSnapshot<ServedVersion>(({ version }) => version),
      description: '1, 2, 3 ... within its prompt, without holes.',
    }),
    prompt: t.relation('prompt', {
      skipTypeScopes: true,
      extensions: fromSnapshot<ServedVersion>((known) => ({ slug: known.slug, known })),
      description: 'Whose version it is.',
    }),
    kind: t.expose('kind', {
      skipTypeScopes: true,
      extensions: fromSnapshot<ServedVersion>(({ content }) => content.kind),
      type: PromptKind,
      description: "The prompt's kind.",
    }),
    template: t.exposeString('template', {
      skipTypeScopes: true,
      nullable: true,
      extensions: fromSnapshot<ServedVersion>(({ content }) =>
        content.kind === 'TEXT' ? content.template : null,
      ),
      description: 'TEXT: the text with its holes, byte for byte as it was saved.',
    }),
    messages: t.field({
      skipTypeScopes: true,
      type: ['Message'],
      nullable: true,
      extensions: fromSnapshot<ServedVersion>(({ content }) =>
        content.kind === 'CHAT' ? content.messages : null,
      ),
      description: 'CHAT: the messages, in order.',
      select: { messages: true },
      resolve: ({ messages }) => messages as readonly Message[] | null,
    }),
    config: t.field({
      skipTypeScopes: true,
      type: 'JSON',
      nullable: true,
      extensions: fromSnapshot<ServedVersion>(({ content }) => content.config),
      description: 'Model settings; opaque to PromptForge.',
      select: { config: true },
      resolve: ({ config }) => (config ?? null) as JsonValue,
    }),
    variables: t.field({
      skipTypeScopes: true,
      type: ['Variable'],
      description: 'Those found in the text in order of first appearance, then those that are only declared.',
      select: CONTENT,
      extensions: fromSnapshot<ServedVersion>(({ content }) => shownVariables(content)),
      resolve: (version) => shownVariables(storedContent(version)),
    }),
  }),
});

/** What one has said oneself is no secret: whoever may write and not read gets the answer to the save. */
function ownOrReadable(
  { promptId, authorId }: { readonly promptId: string; readonly authorId: string },
  _args: object,
  context: Context,
) {
  // What is rendered once for several is nobody's own.
  return (!context.isShared && authorId === context.actor.id) || mayRead(context, promptId);
}

// Where it comes from and where it is served.
builder.prismaObjectFields('PromptVersion', (t) => ({
  message: t.exposeString('message', {
    skipTypeScopes: true,
    authScopes: ownOrReadable,
    nullable: true,
    description: 'Why it was saved.',
  }),
  author: t.field({
    type: 'Actor',
    description: 'Who saved it.',
    skipTypeScopes: true,
    authScopes: ownOrReadable,
    select: { authorKind: true, authorName: true },
    resolve: ({ authorKind, authorName }) => ({ kind: authorKind, name: authorName }),
  }),
  createdAt: t.expose('createdAt', {
    skipTypeScopes: true,
    extensions: fromSnapshot<ServedVersion>(({ createdAt }) => createdAt),
    type: 'DateTime',
    description: 'When it was saved; for imported history, when it was made there.',
  }),
  contentHash: t.exposeString('contentHash', {
    skipTypeScopes: true,
    extensions: fromSnapshot<ServedVersion>(({ contentHash }) => contentHash),
    description:
      '"sha256:<hex>" over the RFC 8785 form of {config, kind, template or messages, variables}: equal content, equal hash. Of variables the declared ones, in this order, and no member that is null but config.',
  }),
  basedOn: t.relation('basedOn', {
    nullable: true,
    description: 'The version that the edit started from; null for the first.',
  }),
  channels: t.field({
    type: [modelRef('Channel')],
    description: 'Channels that serve it now, by name.',
    select: (_args, _context, nested) => ({
      pointers: { orderBy: { channel: { name: 'asc' } }, select: { channel: nested() } },
    }),
    resolve: ({ pointers }) => pointers.map(({ channel }) => channel),
  }),
}));
