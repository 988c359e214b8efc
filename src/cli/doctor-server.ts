import { z } from 'zod';
import { CliError } from './cli-error.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { DocumentNotTrusted, graphqlClient, reach } from './graphql-client.ts';

/** As the server's own diagnosis has them. */
export interface Finding {
  readonly check: string;
  /** SKIPPED: it was not looked at, and why. */
  readonly state: 'OK' | 'WARNING' | 'FAULT' | 'SKIPPED';
  readonly says: string;
  /** What to do. */
  readonly advice?: string;
}

const TIMEOUT_MS = 5_000;
/** The header has whole seconds, and the answer takes its time. */
const SKEW_MS = 3_000;
const EXPIRES_SOON_DAYS = 14;
const DAY_MS = 86_400_000;

const READINESS = z.object({ ready: z.boolean(), degraded: z.boolean(), reasons: z.array(z.string()) });
const VIEWER = z.object({
  viewer: z.object({
    role: z.string(),
    scopes: z.array(z.string()),
    expiresAt: z.string().nullable(),
    workspace: z.object({ slug: z.string() }),
  }),
});
const KNOWN_KEY =
  'the server knows it, and does not say whose it is: it answers the documents of PROMPTFORGE_TRUSTED_DOCUMENTS only';
const VIEWER_QUERY = '{ viewer { role scopes expiresAt workspace { slug } } }';

/** Looks at a server from outside. `isExpected`: somebody said where it is, so that it should be there. */
export async function diagnoseServer(
  connection: Connection,
  ownVersion: string,
  isExpected: boolean,
): Promise<Finding[]> {
  const { endpoint, apiKey } = connection;
  const check = 'server';
  let response: Response;
  try {
    response = await ask(endpoint, 'readyz', null);
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error);
    if (isExpected) return [{ check, state: 'FAULT', says }];
    return [{ check, state: 'SKIPPED', says: `${says} Say where it is with --url to have it looked at` }];
  }
  const readiness = READINESS.safeParse(await response.json().catch(() => null));
  if (!readiness.success)
    return [
      {
        check,
        state: 'FAULT',
        says: `${endpoint.origin} is no PromptForge server: /readyz answers HTTP ${response.status}`,
        advice: 'set --url (or PROMPTFORGE_URL) to the root of the server',
      },
    ];
  const findings = [ready(endpoint, readiness.data), clock(response)];
  const skipped = (what: string): Finding => ({
    check: what,
    state: 'SKIPPED',
    says: 'set PROMPTFORGE_API_KEY to have it looked at',
  });
  if (apiKey === null) return [...findings, skipped('API key'), skipped('version of the server')];
  return [...findings, await keyFinding(connection), await versionFinding(endpoint, apiKey, ownVersion)];
}

function ask(endpoint: URL, path: string, apiKey: string | null): Promise<Response> {
  const url = new URL(endpoint);
  url.pathname = endpoint.pathname.replace(/graphql$/, path);
  const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return reach(endpoint, () => fetch(url, { headers, redirect: 'manual', signal })).catch(
    (error: unknown) => {
      if (!signal.aborted) throw error;
      const says = `${endpoint.origin} did not answer within ${TIMEOUT_MS / 1_000} s`;
      throw new CliError(EXIT_CODE.UNREACHABLE, says);
    },
  );
}

function ready(endpoint: URL, { ready: isReady, degraded, reasons }: z.output<typeof READINESS>): Finding {
  const check = 'server';
  if (isReady && !degraded) return { check, state: 'OK', says: `${endpoint.origin} is ready` };
  const says = `${endpoint.origin} is ${isReady ? 'ready, but' : 'not ready:'} ${reasons.join('; ')}`;
  return { check, state: isReady ? 'WARNING' : 'FAULT', says, advice: "the server's log says more" };
}

function clock(response: Response): Finding {
  const check = 'clock of the server';
  const at = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(at)) return { check, state: 'SKIPPED', says: 'it does not say what time it is' };
  const skewMs = at + 500 - Date.now();
  if (Math.abs(skewMs) <= SKEW_MS) return { check, state: 'OK', says: "as this machine's" };
  return {
    check,
    state: 'WARNING',
    says: `${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs < 0 ? 'behind' : 'ahead of'} this machine's`,
    advice: 'let both machines follow a time server',
  };
}

async function keyFinding(connection: Connection): Promise<Finding> {
  const check = 'API key';
  try {
    const answer = VIEWER.safeParse(await graphqlClient(connection)(VIEWER_QUERY, {}));
    if (!answer.success) return { check, state: 'FAULT', says: 'the server does not say whose key it is' };
    const { role, scopes, expiresAt, workspace } = answer.data.viewer;
    const says = `${role} of the workspace ${workspace.slug}: ${scopes.join(' ')}`;
    if (expiresAt === null) return { check, state: 'OK', says };
    const days = Math.floor((Date.parse(expiresAt) - Date.now()) / DAY_MS);
    const ends = `${says}; ends ${expiresAt}`;
    if (days >= EXPIRES_SOON_DAYS) return { check, state: 'OK', says: ends };
    return {
      check,
      state: 'WARNING',
      says: `${ends}, in ${days} days`,
      advice: 'make another one: promptforge keys create',
    };
  } catch (error) {
    if (error instanceof DocumentNotTrusted) return { check, state: 'OK', says: KNOWN_KEY };
    if (error instanceof CliError) return { check, state: 'FAULT', says: error.message };
    throw error;
  }
}

async function versionFinding(endpoint: URL, apiKey: string, own: string): Promise<Finding> {
  const check = 'version of the server';
  const text = await ask(endpoint, 'metrics', apiKey).then(
    (response) => response.text(),
    () => '',
  );
  const version = /^promptforge_build_info\{[^}]*version="([^"]+)"/m.exec(text)?.[1];
  if (version === undefined)
    return { check, state: 'SKIPPED', says: 'it does not say its version to this key, or is older' };
  if (version === own) return { check, state: 'OK', says: `${version}, as this command` };
  return {
    check,
    state: 'WARNING',
    says: `the server is ${version}, this command ${own}`,
    advice: 'use the command of the version that the server has',
  };
}
