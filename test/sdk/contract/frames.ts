import { buildSchema, execute, getArgumentValues, getOperationAST, parse, validate } from 'graphql';
import type { DocumentNode, FieldNode, GraphQLSchema } from 'graphql';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { splitItem } from './content.ts';
import type { Delivered, World } from './content.ts';
import type { Content, Frame } from './format.ts';

/** One frame as both ways of streaming tell it. */
export interface Telling {
  readonly type: 'ChannelSnapshot' | 'VersionPromoted' | 'VersionWithdrawn' | 'Bookmark' | 'unknown';
  readonly cursor: string;
  readonly more: boolean;
  /** For the event stream: the name and the data of the event. */
  readonly event: string;
  readonly data: Content;
  /** For the graph: what the field resolves to. */
  readonly root: object;
  readonly with: Content;
  readonly without: readonly string[];
}

/** Commits become their frames, repetitions are written out. */
export function tellingsOf(frames: readonly Frame[], world: World): Telling[] {
  return frames.flatMap((frame) => {
    const parts = frame.commit === undefined ? [frame] : partsOf(frame.commit, frame);
    return parts.flatMap((part) => {
      const told = telling(part, world);
      return Array.from({ length: part.times ?? 1 }, () => told);
    });
  });
}

function partsOf(items: readonly string[], frame: Frame): Frame[] {
  const { at = 0, before, kind, with: extra, without, times } = frame;
  const rest = Object.fromEntries(
    Object.entries({ kind, with: extra, without, times }).filter(([, value]) => value !== undefined),
  );
  const place = before ?? (typeof at === 'number' ? at - 1 : at);
  return items.map((item, index) => {
    const more = index < items.length - 1;
    const { slug, version } = splitItem(item);
    const move = version === null ? { withdrawn: slug } : { promoted: item };
    return { ...rest, ...move, more, at: more ? place : at };
  });
}

function telling(frame: Frame, world: World): Telling {
  const { more = false, with: extra = {}, without = [] } = frame;
  const cursor = world.cursor(frame.at ?? 0);
  const common = { cursor, more };
  const make = (type: Telling['type'], event: string, data: Content, root: object): Telling => ({
    type,
    event,
    ...common,
    data,
    root: { __typename: type, ...common, ...root },
    with: extra,
    without,
  });
  if (frame.snapshot !== undefined) {
    const { reason = 'REQUESTED', part = 1, complete = true } = frame;
    const entries = frame.snapshot.map(world.deliver);
    if (part === 1) world.served.clear();
    for (const { slug, version } of entries) world.served.set(slug, version);
    const about = { reason, part, complete };
    const pointers = entries.map((entry) => pointerOf(entry, cursor));
    return make('ChannelSnapshot', 'snapshot', { ...about, entries, more }, { ...about, entries: pointers });
  }
  if (frame.promoted !== undefined) {
    const served = world.deliver(frame.promoted);
    const { previous = world.served.get(served.slug) ?? null } = frame;
    world.served.set(served.slug, served.version);
    return make(
      'VersionPromoted',
      'promoted',
      { ...served, more },
      promotedRoot(served, { ...frame, previous }, cursor),
    );
  }
  if (frame.withdrawn !== undefined) {
    const slug = frame.withdrawn;
    world.served.delete(slug);
    const promotion = promotionOf(slug, cursor, 'WITHDRAWAL');
    return make('VersionWithdrawn', 'withdrawn', { slug, channel: 'stable', more }, { slug, promotion });
  }
  if (frame.bookmark !== undefined)
    return make('Bookmark', 'bookmark', { lagMs: frame.bookmark }, { lagMs: frame.bookmark });
  return make('unknown', frame.unknown ?? 'novelty', { more }, {});
}

function promotedRoot(
  served: Delivered,
  { kind = 'PROMOTION', previous = null }: Frame,
  cursor: string,
): object {
  const version = versionOf(served);
  return {
    slug: served.slug,
    prompt: promptOf(served),
    version,
    previousVersion: previous === null ? null : { ...version, number: previous },
    promotion: { ...promotionOf(served.slug, cursor, kind), createdAt: served['promotedAt'], version },
  };
}

function pointerOf(served: Delivered, cursor: string): object {
  return {
    __typename: 'ChannelPointer',
    channel: { name: served['channel'] },
    promotion: { ...promotionOf(served.slug, cursor, 'PROMOTION'), createdAt: served['promotedAt'] },
    prompt: promptOf(served),
    since: served['promotedAt'],
    version: versionOf(served),
  };
}

function promptOf({ slug, kind, promotedAt }: Delivered): object {
  return {
    __typename: 'Prompt',
    id: `Prompt:${slug}`,
    slug,
    kind,
    tags: [],
    createdAt: promotedAt,
    updatedAt: promotedAt,
  };
}

function versionOf(served: Delivered): object {
  const { version: number, promotedAt: createdAt, slug, channel: _, ...content } = served;
  return {
    __typename: 'PromptVersion',
    id: `PromptVersion:${slug}@${number}`,
    number,
    createdAt,
    ...content,
  };
}

function promotionOf(slug: string, cursor: string, kind: string): Content {
  return {
    __typename: 'Promotion',
    id: `Promotion:${slug}:${cursor}`,
    cursor,
    kind,
    reason: `because of ${slug}`,
    breakGlass: false,
    channel: { name: 'stable' },
    createdAt: '2026-11-24T10:00:00.000Z',
  };
}

/** Part of an event stream. The id stands where a commit ends, as the server has it. */
export function asEvent({ cursor, more, event, data, ...change }: Telling): string {
  const id = more || change.without.includes('id') ? '' : `id: ${cursor}\n`;
  return `${id}event: ${event}\ndata: ${JSON.stringify(changed(data, change))}\n\n`;
}

function changed(data: Content, { with: extra, without }: Pick<Telling, 'with' | 'without'>): Content {
  return Object.fromEntries(
    Object.entries({ ...data, ...extra }).filter(([name]) => !without.includes(name)),
  );
}

export interface Subscription {
  readonly document: DocumentNode;
  readonly variables: Content;
  readonly arguments: Content;
}

let known: GraphQLSchema | undefined;
function schema(): GraphQLSchema {
  known ??= buildSchema(readFileSync(join(import.meta.dirname, '../../../schema.graphql'), 'utf8'));
  return known;
}

/** What the client asked for, held against the real schema. @throws Error that says what the document has wrong */
export function parseSubscription(query: string, variables: Content): Subscription {
  const document = parse(query);
  const faults = validate(schema(), document);
  if (faults.length > 0) throw new Error(`the client's document: ${faults.join('; ')}`);
  const operation = getOperationAST(document);
  const selection = operation?.selectionSet.selections[0] as FieldNode;
  const field = schema().getSubscriptionType()?.getFields()[selection.name.value];
  if (field === undefined) throw new Error('the client subscribes to nothing');
  return { document, variables, arguments: getArgumentValues(field, selection, variables) };
}

/** The frame as an answer to the client's own document. */
export function asPayload(subscription: Subscription, told: Telling): object {
  if (told.type === 'unknown') {
    const { event: __typename, cursor, more } = told;
    return { data: { channelEvents: { __typename, cursor, more, ...told.with } } };
  }
  const { document, variables: variableValues } = subscription;
  const rootValue = { channelEvents: told.root };
  const result = execute({ schema: schema(), document, variableValues, rootValue });
  const { data, errors } = result as { data?: { channelEvents: Content }; errors?: readonly Error[] };
  if (data === undefined || data === null || errors !== undefined)
    throw new Error(`the fake server cannot answer this document: ${String(errors)}`);
  return { data: { channelEvents: changed(data.channelEvents, told) } };
}
