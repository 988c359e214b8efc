import type { JsonValue, Message, MessageRole, Variable } from '../domain/template.ts';

/** A variable as it is served: found in the text, or declared. Only declared ones have a type that values must have. */
export interface ServedVariable extends Variable {
  readonly declared: boolean;
}

/** What the channel serves of one prompt, as the server delivers it. */
export interface ServedPrompt {
  readonly slug: string;
  /** 0: the fallback of the call. */
  readonly version: number;
  readonly channel: string;
  readonly kind: 'TEXT' | 'CHAT';
  /** Of a TEXT prompt; null for CHAT. */
  readonly template: string | null;
  /** Of a CHAT prompt, with their holes; null for TEXT. */
  readonly messages: readonly Message[] | null;
  /** Model settings, opaque to PromptForge. */
  readonly config: JsonValue;
  readonly variables: readonly ServedVariable[];
  /** "sha256:<hex>" over the canonical content, recomputed here before it is served; empty for a fallback. */
  readonly contentHash: string;
  /** Since when the channel serves it; ISO 8601; empty for a fallback. */
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

/** What a call answers with when nothing is known or served: it stands as version 0. */
export type Fallback = {
  readonly config?: JsonValue;
  readonly variables?: readonly Variable[];
} & ({ readonly template: string } | { readonly messages: readonly Message[] });

export interface GetOptions {
  readonly fallback?: Fallback;
}

export interface RenderOptions extends GetOptions {
  /** Refuse missing, unknown and ill-typed values, all at once. @default true */
  readonly strict?: boolean;
}

/** How it stands with the server, and with what is served. */
export interface Status {
  /** A transport stands: what is promoted arrives. */
  readonly connected: boolean;
  readonly transport: TransportName | null;
  /** Where what is served now came from; null: nothing is known yet. */
  readonly source: Exclude<Source, 'memory'> | null;
  /** Everything up to here is applied. */
  readonly cursor: string | null;
  /** How far the server's node says it is behind its log; null before it said so. */
  readonly lagMs: number | null;
  /** When the server last proved that this is current; null: never. */
  readonly freshAt: Date | null;
  /** Since when there is no proof any more, once that is longer than `staleAfterMs`; null: it is fresh, or nothing is known. */
  readonly staleSince: Date | null;
  readonly serverUrl: string;
  readonly channel: string;
  readonly instance: string;
  /** How many prompts are served. */
  readonly prompts: number;
  /** Attempts since the last connection that stayed. */
  readonly failures: number;
  readonly lastError: Error | null;
  readonly closed: boolean;
}

/** The channel serves another version of a prompt. */
export interface Promoted {
  readonly slug: string;
  /** The version that was served here before; null: none. */
  readonly from: number | null;
  readonly to: number;
  /** How it came about; null where the transport does not tell it: event stream, polling, and what a snapshot brought. */
  readonly kind: 'PROMOTION' | 'ROLLBACK' | 'SAVE' | 'WITHDRAWAL' | null;
  /** The place in the feed. */
  readonly cursor: string | null;
}

/** The channel serves nothing under this slug any more. */
export interface Withdrawn {
  readonly slug: string;
  readonly from: number;
  readonly cursor: string | null;
}

/** Everything was replaced by what the channel serves. */
export interface SnapshotTaken {
  /** As the server says it; POLL for what polling brought. */
  readonly reason: string;
  readonly prompts: number;
  readonly cursor: string | null;
}

/** What listeners are told, by the name of the event. */
export interface PromptForgeEvents {
  readonly promoted: Promoted;
  readonly withdrawn: Withdrawn;
  readonly snapshot: SnapshotTaken;
  readonly status: Status;
  readonly stale: Status;
  readonly error: Error;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, message: string, details: Readonly<Record<string, unknown>>) => void;

export type { JsonValue, Message, MessageRole, Variable };
