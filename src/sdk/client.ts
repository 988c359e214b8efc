import type { Clock } from './clock.ts';
import { PromptForgeClient } from './prompt-forge.ts';
import type { PromptForgeOptions } from './options.ts';
import type { Values } from './reading.ts';
import type {
  GetOptions,
  JsonValue,
  PromptForgeEvents,
  Rendered,
  RenderedMessages,
  RenderOptions,
  ServedPrompt,
  Source,
  Status,
} from './types.ts';

export {
  Closed,
  NoContactYet,
  PromptForgeError,
  PromptNotServed,
  TooStale,
  Unauthorised,
  VariablesInvalid,
  WrongKind,
} from './errors.ts';
export type { BundleSource, PromptForgeOptions, SnapshotCache } from './options.ts';
export type { Bundle, BundleEntry } from './snapshot-file.ts';
export type {
  Fallback,
  GetOptions,
  JsonValue,
  Log,
  LogLevel,
  Message,
  MessageRole,
  Promoted,
  PromptForgeEvents,
  Rendered,
  RenderedMessages,
  RenderOptions,
  ServedPrompt,
  ServedVariable,
  SnapshotTaken,
  Source,
  Status,
  TransportName,
  Variable,
  Withdrawn,
} from './types.ts';

/**
 * The variables of each prompt, by slug. Empty here: `promptforge codegen` writes a file that fills it in, by
 * `declare module 'promptforge/client' { interface PromptVariables { 'support/assistant': { customer: string; tone?: 'friendly' | 'formal' } } }`.
 * As long as it is empty, every slug and any variables compile. It must be declared in this file: an augmentation does not reach a re-export.
 */
export interface PromptVariables {}

/** The kind of each prompt, by slug: `'support/assistant': 'TEXT'`. Empty, or without a slug of PromptVariables: any kind is taken. */
export interface PromptKinds {}

type Generated = Extract<keyof PromptVariables, string>;

/** A slug that is known to the compiler; any text where nothing is generated. */
export type PromptSlug = [Generated] extends [never] ? string : Generated;

/** The slugs that `render` (TEXT) or `messages` (CHAT) takes. */
export type SlugOfKind<Kind extends 'TEXT' | 'CHAT'> = [Generated] extends [never]
  ? string
  : {
      [Slug in Generated]: Slug extends keyof PromptKinds
        ? PromptKinds[Slug] extends Kind
          ? Slug
          : never
        : Slug;
    }[Generated];

/** What a prompt is filled in with. */
export type VariablesOf<Slug extends string> = Slug extends keyof PromptVariables
  ? PromptVariables[Slug]
  : { readonly [name: string]: JsonValue | undefined };

/** Whether nothing of it must be there: all of it is optional, or it is `Record<string, never>`. */
type IsOptional<Variables> = string extends keyof Variables
  ? true
  : Partial<Variables> extends Variables
    ? true
    : false;

/** Variables can be left out where the prompt demands none. */
type RenderArguments<Slug extends string> =
  IsOptional<VariablesOf<Slug>> extends true
    ? [variables?: VariablesOf<Slug>, options?: RenderOptions]
    : [variables: VariablesOf<Slug>, options?: RenderOptions];

/** What a channel serves, in memory, and kept current. */
export interface PromptForge {
  /**
   * Resolves when something can be served, and says where it came from: "memory" when it was known before the call. Does not wait for the server where a
   * file was there first. @throws NoContactYet after `timeoutMs` (10 s), Unauthorised, Closed
   */
  ready(options?: { readonly timeoutMs?: number }): Promise<{ readonly source: Source }>;
  /** @throws PromptNotServed, NoContactYet, TooStale (none of them with a fallback), Closed */
  get(slug: PromptSlug, options?: GetOptions): ServedPrompt;
  /** Fills in a TEXT prompt. @throws as get; VariablesInvalid, WrongKind */
  render<Slug extends SlugOfKind<'TEXT'>>(slug: Slug, ...rest: RenderArguments<Slug>): Rendered;
  /** Fills in a CHAT prompt. @throws as get; VariablesInvalid, WrongKind */
  messages<Slug extends SlugOfKind<'CHAT'>>(slug: Slug, ...rest: RenderArguments<Slug>): RenderedMessages;
  /** What is served, in order. */
  slugs(): string[];
  /** The answer takes the listener back. */
  on<Name extends keyof PromptForgeEvents>(
    event: Name,
    listener: (told: PromptForgeEvents[Name]) => void,
  ): () => void;
  status(): Status;
  /** Lets go of everything: no connection, no timer; the cache is written once more. */
  close(): Promise<void>;
}

/**
 * Begins at once: reads the cache or the bootstrap file, connects, and stays connected until close(). `internals` is for tests.
 * @throws PromptForgeError INVALID_OPTIONS
 */
export function createPromptForge(
  options: PromptForgeOptions,
  internals: { readonly clock?: Clock } = {},
): PromptForge {
  const client = new PromptForgeClient(options, internals.clock);
  const { reading } = client;
  return {
    ready: ({ timeoutMs } = {}) => client.readiness.ready(timeoutMs),
    get: (slug, given = {}) => {
      client.requireOpen();
      return reading.find(slug, given).served;
    },
    render: (slug, ...rest) => {
      const [values = {}, given = {}] = rest as readonly [Values?, RenderOptions?];
      client.requireOpen();
      return reading.render(slug, values, given);
    },
    messages: (slug, ...rest) => {
      const [values = {}, given = {}] = rest as readonly [Values?, RenderOptions?];
      client.requireOpen();
      return reading.messages(slug, values, given);
    },
    slugs: () => client.slugs(),
    on: (event, listener) => client.audience.on(event, listener),
    status: () => client.status(),
    close: () => client.close(),
  };
}
