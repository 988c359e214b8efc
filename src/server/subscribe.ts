import canonicalize from 'canonicalize';
import { createSourceEventStream, execute, Kind, visit } from 'graphql';
import type { ArgumentNode, DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { isUnavailable } from '../db/database-errors.ts';
import type { PromotedVersions } from '../delivery/promoted-versions.ts';
import { accessKey } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { ChannelSubscription } from '../realtime/channel-subscription.ts';
import { isRequestTopic } from '../domain/channel-topic.ts';
import type { Frame } from '../realtime/frames.ts';
import type { Follower, Rendering, Transport } from '../realtime/member.ts';
import type { Context } from '../schema/context.ts';
import { FramePlan } from './frame-plan.ts';
import type { Log } from './log.ts';
import type { DocumentRules } from './document-rules.ts';
import { maskError } from './mask-error.ts';
import { inTime } from './deadline.ts';
import type { Operation } from './operations.ts';
import type { ContextFactory } from './request-context.ts';
import type { SnapshotPlans } from './snapshot-plans.ts';

const ROOT_FIELD = 'channelEvents';
/** Who one is, where one begins and how it is told does not change what a frame looks like: these arguments make no group of their own. */
const OWN_ARGUMENTS = new Set(['after', 'snapshot', 'bookmarks', 'mode', 'instance']);

export interface SubscribeDeps {
  readonly schema: GraphQLSchema;
  readonly rules: DocumentRules;
  readonly operationMs: number;
  readonly contextOf: ContextFactory;
  readonly promoted: PromotedVersions;
  /** Of all documents, those of queries too. */
  readonly plans: SnapshotPlans;
  readonly log: Log;
}

/** Somebody's subscription, before it is known where its frames go. */
export type PreparedFollower = Omit<Follower, 'sink'>;

export interface Subscriber {
  readonly actor: Actor;
  readonly transport: Transport;
  readonly requestId: string;
}

/** Starts subscriptions: their fields are authorised and their arguments checked once, what they answer is rendered once for all who see the same. */
export class Subscribe {
  readonly #deps: SubscribeDeps;
  readonly #ownVariables = new LRUCache<DocumentNode, ReadonlySet<string>>({ max: 1_000 });

  constructor(deps: SubscribeDeps) {
    this.#deps = deps;
  }

  /** What to hand to the hub, or the errors that the client gets instead. */
  async prepare(
    operation: Operation,
    subscriber: Subscriber,
  ): Promise<PreparedFollower | { readonly errors: ExecutionResult['errors'] }> {
    const { schema, contextOf, log, rules, operationMs } = this.#deps;
    const starting = createSourceEventStream({
      schema,
      document: operation.document,
      contextValue: contextOf(subscriber),
      variableValues: operation.variables,
      operationName: operation.operationName,
      hideSuggestions: rules.hideSuggestions,
    });
    const source = await inTime(starting, operationMs);
    if (!(source instanceof ChannelSubscription)) {
      const errors = 'errors' in source ? source.errors : undefined;
      return { errors: errors?.map((error) => maskError(error, log, subscriber.requestId)) };
    }
    const { topic, mode, bookmarks, instance } = source.wish;
    const { actor, transport } = subscriber;
    const { workspaceId } = actor;
    const rendering = this.#rendering(operation, subscriber, isRequestTopic(topic) ? null : topic.channel);
    return {
      workspaceId,
      actor,
      transport,
      topic,
      mode,
      bookmarks,
      instance,
      start: source.start,
      rendering,
    };
  }

  /** `channel`: the one whose promotions are told; null: others are told of. */
  #rendering(operation: Operation, subscriber: Subscriber, channel: string | null): Rendering {
    const plan = new FramePlan({ schema: this.#deps.schema, plans: this.#deps.plans }, operation);
    const { workspaceId } = subscriber.actor;
    let context: Context | null = null;
    // Frames that are rendered together share a context, and with it the loaders that ask once for all of them.
    const contextNow = (): Context => {
      if (context !== null) return context;
      setImmediate(() => {
        context = null;
      });
      context = this.#deps.contextOf({ ...subscriber, isShared: true });
      return context;
    };
    return {
      key: this.#groupKey(operation, subscriber.actor),
      render: async (frame) =>
        (channel === null ? null : await this.#fromMemory(plan, { workspaceId, channel }, frame)) ??
        this.#render(operation, contextNow(), frame),
    };
  }

  /** Subscribers with one key see the same: document, variables that matter, and what they may see. */
  #groupKey({ text, document, operationName, variables }: Operation, actor: Actor): string {
    const own = this.#ownVariables.get(document) ?? ownVariables(document);
    this.#ownVariables.set(document, own);
    const shared = Object.fromEntries(Object.entries(variables).filter(([name]) => !own.has(name)));
    return [accessKey(actor), operationName ?? '', canonicalize(shared) ?? '', text].join('\n');
  }

  /** The same bytes as by execution, without asking the database for each part of them. Null: it has to be executed. */
  async #fromMemory(
    plan: FramePlan,
    { workspaceId, channel }: { readonly workspaceId: string; readonly channel: string },
    frame: Frame,
  ): Promise<Buffer | null> {
    if (frame.type !== 'VersionPromoted' || !plan.isOfMarked) return null;
    // After a rename: what was read of the promotion has the slug of before.
    if (frame.facts === null) return null;
    const { cursor: commitCursor } = frame.facts;
    const served = await this.#deps.promoted.find(workspaceId, { ...frame, channel, commitCursor });
    const text = served && plan.write(frame, served);
    return text === null ? null : Buffer.from(text);
  }

  async #render(operation: Operation, contextValue: Context, frame: Frame): Promise<Buffer> {
    const { schema, log } = this.#deps;
    const result = await execute({
      schema,
      document: operation.document,
      rootValue: frame,
      contextValue,
      variableValues: operation.variables,
      operationName: operation.operationName,
    });
    const lost = result.errors?.find(({ originalError }) => isUnavailable(originalError));
    // The event is not lost with the answer: it is rendered again when the database is back.
    if (lost?.originalError) throw lost.originalError;
    const errors = result.errors?.map((error) => maskError(error, log, contextValue.requestId));
    // A fault of ours must not pass for the event: who follows is closed, and resumes from before it.
    if (errors?.some(({ extensions }) => extensions['code'] === 'INTERNAL_SERVER_ERROR'))
      throw new Error('a frame could not be rendered: the log holds the reason');
    return Buffer.from(JSON.stringify(errors === undefined ? result : { ...result, errors }));
  }
}

/** Variables that stand in no place but the root field's arguments that make no difference to a frame. */
function ownVariables(document: DocumentNode): ReadonlySet<string> {
  const own = new Set<string>();
  const elsewhere = new Set<string>();
  const ownArguments = new Set<ArgumentNode>();
  visit(document, {
    // Fields further down have arguments of these names too, and there they do make a difference.
    Field: ({ name, arguments: args = [] }) => {
      if (name.value !== ROOT_FIELD) return;
      for (const argument of args) {
        if (argument.value.kind !== Kind.VARIABLE || !OWN_ARGUMENTS.has(argument.name.value)) continue;
        own.add(argument.value.name.value);
        ownArguments.add(argument);
      }
    },
    Argument: (argument) => (ownArguments.has(argument) ? false : undefined),
    VariableDefinition: () => false,
    Variable: ({ name }) => {
      elsewhere.add(name.value);
    },
  });
  return new Set([...own].filter((name) => !elsewhere.has(name)));
}
