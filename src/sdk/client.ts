import type { JsonValue, RenderOptions, Rendered, RenderedMessages } from './types.ts';

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

export interface PromptForge {
  render<Slug extends SlugOfKind<'TEXT'>>(slug: Slug, ...rest: RenderArguments<Slug>): Rendered;
  messages<Slug extends SlugOfKind<'CHAT'>>(slug: Slug, ...rest: RenderArguments<Slug>): RenderedMessages;
}
