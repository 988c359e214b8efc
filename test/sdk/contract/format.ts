// What a case may say. The meaning of each word stands in cases/README.md; this file is the same for the compiler.

export type Transport = 'websocket' | 'sse' | 'polling';
/** A place in the feed: its number, "other:3" in another history, or any other text as it stands. */
export type Place = number | string;
/** What a prompt of a case holds beside what it would hold anyway. */
export type Content = Readonly<Record<string, unknown>>;

export interface Frame {
  readonly snapshot?: readonly string[];
  readonly commit?: readonly string[];
  readonly promoted?: string;
  readonly withdrawn?: string;
  readonly bookmark?: number;
  readonly unknown?: string;
  readonly at?: Place;
  readonly before?: Place;
  readonly more?: boolean;
  readonly part?: number;
  readonly complete?: boolean;
  readonly reason?: string;
  readonly kind?: string;
  readonly previous?: number | null;
  readonly with?: Content;
  readonly without?: readonly string[];
  readonly times?: number;
}

export interface Accept {
  readonly after?: Place | null;
  readonly prompts?: readonly string[] | null;
  readonly channel?: string;
  readonly instance?: string;
  readonly key?: string;
  readonly url?: number;
  readonly over?: Transport;
  readonly ifNoneMatch?: string | null;
  /** Polling: the answer may be of nothing older. */
  readonly minCursor?: Place | null;
  /** Event stream: nothing is sent yet but the head of the answer. */
  readonly bare?: boolean;
  readonly between?: readonly [number, number];
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Refusal {
  readonly as?: 'unauthorised' | 'forbidden' | 'no-channel' | 'bad-cursor';
  readonly answer?: Answer;
  /** WebSocket: closed with this at `connection_init`. */
  readonly close?: number;
  /** The connection is lost before anything was answered. */
  readonly cut?: boolean;
  /** Nothing is answered at all. */
  readonly silent?: boolean;
  readonly url?: number;
  readonly over?: Transport;
  readonly key?: string;
  readonly between?: readonly [number, number];
}

export interface Seen {
  /** Everything that is served; null: no contact yet, which `get` says of any slug. */
  readonly serves?: Readonly<Record<string, number>> | null;
  /** All that was told since it was last asked, in order. */
  readonly told?: readonly string[];
  /** Why snapshots came, since it was last asked. */
  readonly reasons?: readonly string[];
  /** Codes or parts of messages, each of which some error that was told since contains. */
  readonly errors?: readonly string[];
  readonly connected?: boolean;
  readonly transport?: Transport;
  readonly source?: string;
  readonly cursor?: Place;
  /** Part of the message of the last error of its status. */
  readonly lastError?: string;
  readonly stale?: boolean;
  /** How often it was told that what is known is stale. */
  readonly staleTold?: number;
  readonly lagMs?: number;
  /** Parts of warnings. */
  readonly warned?: readonly string[];
  readonly rendered?: { readonly slug: string; readonly variables: Content; readonly text: string };
  readonly get?: { readonly slug: string; readonly throws?: string; readonly is?: Content };
  readonly url?: number;
}

export interface Step {
  readonly accept?: Accept;
  readonly refuse?: Refusal;
  readonly tell?: readonly Frame[];
  /** Polling: headers of the answer that are other than they would be; null: left out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly say?: string;
  readonly bytewise?: boolean;
  readonly binary?: boolean;
  readonly close?: number;
  readonly cut?: boolean;
  readonly mute?: boolean;
  readonly pass?: number;
  readonly see?: Seen;
  readonly ready?: { readonly source?: string; readonly rejects?: string; readonly timeoutMs?: number };
  readonly applied?: { readonly cursor: Place; readonly within?: number };
  readonly appliedAnswers?: readonly Answer[];
  readonly gone?: boolean;
  readonly restart?: boolean;
  readonly down?: number;
  readonly damage?: {
    readonly replace?: readonly [string, string];
    readonly text?: string;
    readonly cut?: number;
  };
  /** The client tries one way after another until it comes by this one; what it tries before is cut. */
  readonly fall?: Transport;
  /** The client tries another way beside the one that it has; that is cut, the one that it has stays. */
  readonly try?: { readonly over: Transport; readonly within: number };
  /** Only over these. */
  readonly over?: readonly Transport[];
}

export interface Client {
  readonly channel?: string;
  readonly prompts?: readonly string[];
  readonly instance?: string;
  readonly keys?: readonly string[];
  readonly urls?: number;
  readonly transports?: readonly Transport[];
  readonly maxStaleMs?: number;
  readonly staleAfterMs?: number;
  /** A cache file is kept, over `restart` too; a text is what stands in it before the first start. */
  readonly cache?: true | string | SavedFile;
  readonly bootstrap?: string | SavedFile;
}

/** A snapshot file by its parts, so that its checksums are right where nothing else is said. */
export interface SavedFile {
  readonly entries: readonly string[];
  readonly cursor?: Place;
  readonly channel?: string;
  readonly prompts?: readonly string[] | null;
  readonly with?: Content;
  /** By slug: members of the entry that are other than they would be. */
  readonly entriesWith?: Readonly<Record<string, Content>>;
}

export interface Case {
  readonly title: string;
  readonly over: readonly Transport[];
  readonly prompts?: Readonly<Record<string, Content>>;
  readonly client?: Client;
  /** The client is connected and has been told a snapshot of these at place 1. */
  readonly begin?: readonly string[];
  readonly steps: readonly Step[];
}
