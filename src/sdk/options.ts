import { PromptForgeError } from './errors.ts';
import { normalisePrompts } from './snapshot-file.ts';
import type { Bundle } from './snapshot-file.ts';
import type { Log, Status, TransportName } from './types.ts';
import type { SocketClass } from './web-socket.ts';

/** Where a snapshot is kept between two lives of a process: `diskCache` of promptforge/client/disk, or one of your own. */
export interface SnapshotCache {
  /** What was written last; null: nothing. */
  read(): Promise<string | null>;
  /** All of it or nothing. Never called twice at the same time. */
  write(text: string): Promise<void>;
}

/** A bootstrap file: `bundleFile` of promptforge/client/disk. */
export interface BundleSource {
  read(): Promise<string | null>;
}

export interface PromptForgeOptions {
  /** The server's root, such as "http://promptforge:4000"; several are taken in turns. */
  readonly url: string | readonly string[];
  /** An API key or access token; a callback is asked again for each connection, and when the last answer was refused. */
  readonly apiKey: string | (() => string | Promise<string>);
  /** The slug of the workspace, for access tokens of people. */
  readonly workspace?: string;
  /** @default "stable" */
  readonly channel?: string;
  /** Slugs and folders as "support/*"; left out: every prompt that the credential may read. */
  readonly prompts?: readonly string[];
  /** What this process is called among the subscribers of the channel: 1 to 64 of A-Z a-z 0-9 . _ : - @default a random one */
  readonly instance?: string;
  readonly cache?: SnapshotCache;
  readonly bootstrap?: Bundle | BundleSource;
  /** Rather throw TooStale than answer with what the server has not confirmed for so long. @default never */
  readonly maxStaleMs?: number;
  /** Without a word of the server for so long, what is known is called stale. @default 60000 */
  readonly staleAfterMs?: number;
  /** The same as on('stale', ...). */
  readonly onStale?: (status: Status) => void;
  /** Best first. @default ["websocket", "sse", "polling"] */
  readonly transports?: readonly TransportName[];
  /** Instead of the global WebSocket, or that of the package `ws`. */
  readonly webSocket?: SocketClass;
  readonly fetch?: typeof fetch;
  /** Hears what happens, and of what is wrong. @default nobody */
  readonly log?: Log;
}

export interface Settings {
  readonly urls: readonly string[];
  readonly credential: () => Promise<string>;
  readonly isFreshCredential: boolean;
  readonly workspace: string | null;
  readonly channel: string;
  readonly prompts: readonly string[] | null;
  readonly instance: string;
  readonly maxStaleMs: number | null;
  readonly staleAfterMs: number;
  readonly transports: readonly TransportName[];
}

const TRANSPORTS: readonly TransportName[] = ['websocket', 'sse', 'polling'];
const STALE_AFTER_MS = 60_000;
const PROMPTS_MAX = 100;

/** All that is wrong at once. @throws PromptForgeError INVALID_OPTIONS */
export function parseOptions(options: PromptForgeOptions): Settings {
  const { apiKey, prompts, workspace = null, channel = 'stable', maxStaleMs = null } = options;
  const { staleAfterMs = STALE_AFTER_MS, transports = TRANSPORTS } = options;
  const settings: Settings = {
    urls: [options.url].flat().map(withoutSlash),
    credential: async () => (typeof apiKey === 'function' ? apiKey() : apiKey),
    isFreshCredential: typeof apiKey === 'function',
    workspace,
    channel,
    prompts: normalisePrompts(prompts),
    instance: options.instance ?? globalThis.crypto.randomUUID(),
    maxStaleMs,
    staleAfterMs,
    transports,
  };
  const faults = [...faultsOf(settings), ...(isCredential(apiKey) ? [] : [NO_KEY])];
  if (faults.length > 0)
    throw new PromptForgeError('INVALID_OPTIONS', `createPromptForge: ${faults.join('; ')}`);
  return settings;
}

const NO_KEY = 'apiKey: give a key, or a function that answers one';

function faultsOf({ urls, channel, prompts, instance, transports, ...rest }: Settings): string[] {
  const { maxStaleMs, staleAfterMs } = rest;
  const checks: readonly (readonly [boolean, string])[] = [
    [urls.length > 0, 'url: give at least one'],
    [urls.every(isHttp), `url: "${urls.find((url) => !isHttp(url))}" is no http address`],
    [/^[A-Za-z0-9._~-]+$/.test(channel), `channel: "${channel}" is no name of a channel`],
    [
      prompts === null || (prompts.length > 0 && prompts.length <= PROMPTS_MAX && prompts.every(isPattern)),
      'prompts: 1 to 100 slugs or folders, such as "support/*"',
    ],
    [
      /^[A-Za-z0-9._:-]{1,64}$/.test(instance),
      `instance: "${instance}" is not 1 to 64 of A-Z a-z 0-9 . _ : -`,
    ],
    [maxStaleMs === null || maxStaleMs > 0, 'maxStaleMs: give milliseconds above 0'],
    [staleAfterMs > 0, 'staleAfterMs: give milliseconds above 0'],
    [
      transports.length > 0 && transports.every((name) => TRANSPORTS.includes(name)),
      `transports: name some of ${TRANSPORTS.join(', ')}`,
    ],
    [new Set(transports).size === transports.length, 'transports: name each once'],
  ];
  return checks.flatMap(([isRight, fault]) => (isRight ? [] : [fault]));
}

/** What comes from the environment may be nothing at all. */
const withoutSlash = (url: unknown): string => (typeof url === 'string' ? url.replace(/\/+$/, '') : '');

const isCredential = (apiKey: unknown): boolean =>
  typeof apiKey === 'function' || (typeof apiKey === 'string' && apiKey !== '');

const isPattern = (prompt: unknown): boolean =>
  typeof prompt === 'string' && prompt !== '' && !prompt.includes(',');

const isHttp = (url: string): boolean => /^https?:\/\//.test(url) && URL.canParse(url);
