import type { JsonValue, Message, MessageRole, Variable } from '../domain/template.ts';

/** What the channel serves of one prompt, as the server delivers it. */
export interface ServedPrompt {
  readonly slug: string;
  readonly version: number;
  readonly channel: string;
  readonly kind: 'TEXT' | 'CHAT';
  /** Of a TEXT prompt; null for CHAT. */
  readonly template: string | null;
  /** Of a CHAT prompt, with their holes; null for TEXT. */
  readonly messages: readonly Message[] | null;
  /** Model settings, opaque to PromptForge. */
  readonly config: JsonValue;
  readonly variables: readonly Variable[];
  /** "sha256:<hex>" over the canonical content; recomputed here before it is served. */
  readonly contentHash: string;
  /** Since when the channel serves it; ISO 8601. */
  readonly promotedAt: string;
}

/** A prompt filled in. */
export interface Rendered {
  readonly slug: string;
  readonly version: number;
  readonly text: string;
}

export interface RenderedMessages {
  readonly slug: string;
  readonly version: number;
  readonly messages: readonly Message[];
}

/** Where what is served was first known from. */
export type Source = 'memory' | 'disk' | 'bootstrap' | 'server';
export type TransportName = 'websocket' | 'sse' | 'polling';

export type { JsonValue, Message, MessageRole, Variable };
