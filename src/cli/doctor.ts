import { ConfigInvalid, parseConfig, secretsOf } from '../server/config.ts';
import type { Config } from '../server/config.ts';
import { diagnoseDatabase, textOf } from '../server/diagnose-database.ts';
import { diagnoseEmbedded } from '../server/diagnose-embedded.ts';
import { openExistingDatabase } from '../server/existing-database.ts';
import type { Finding } from '../server/finding.ts';
import { createGraph } from '../server/graph.ts';
import { createLog } from '../server/log.ts';
import { parseConnection } from './connection.ts';
import { diagnoseServer } from './doctor-server.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { packageVersion } from './package-version.ts';
import { MIGRATIONS_DIRECTORY } from './serve.ts';

/** What is said of each state, in one width. */
const MARKS = { OK: 'ok     ', WARNING: 'warning', FAULT: 'FAULT  ', SKIPPED: '-      ' } as const;
const SECRET_LENGTH_MIN = 4;

export interface DoctorOptions extends Record<string, unknown> {
  readonly json?: boolean;
}

/** Looks at everything that PromptForge needs here. `isUrlSaid`: --url or its variable was given. @returns the exit code */
export async function doctor(options: DoctorOptions, isUrlSaid: boolean): Promise<number> {
  const connection = parseConnection(options);
  const findings: Finding[] = [lookAtNode(process.versions.node)];
  const secrets = [connection.apiKey ?? ''];
  const config = configOf(findings);
  if (config !== null) {
    secrets.push(...secretsOf(config), ...passwordsOf(config));
    findings.push(...(await lookAtDatabase(config)));
  }
  findings.push(...(await diagnoseServer(connection, packageVersion(), isUrlSaid)));
  const shown = findings.map((finding) => withoutSecrets(finding, secrets));
  const isWell = !shown.some(({ state }) => state === 'FAULT');
  if (options.json === true) process.stdout.write(`${JSON.stringify({ ok: isWell, findings: shown })}\n`);
  else for (const finding of shown) process.stdout.write(lineOf(finding));
  return isWell ? EXIT_CODE.DONE : EXIT_CODE.FAULTS;
}

function lookAtNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isTested = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24;
  const check = 'Node';
  if (isTested) return { check, state: 'OK', says: version };
  return {
    check,
    state: 'FAULT',
    says: `${version} is not supported`,
    advice: 'install Node 20.19 or newer, 22.12 or newer, or 24',
  };
}

function configOf(findings: Finding[]): Config | null {
  const check = 'configuration';
  try {
    const config = parseConfig(process.env, { isTTY: process.stderr.isTTY });
    // The manifest of trusted documents is judged by the graph.
    createGraph(config);
    const says =
      config.databaseUrl === null
        ? `right; the database is the embedded PostgreSQL in ${config.dataDirectory}`
        : `right; the database is ${shownUrl(config.databaseUrl)}`;
    findings.push({ check, state: 'OK', says });
    return config;
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    for (const says of error.faults) findings.push({ check, state: 'FAULT', says });
    findings.push({ check: 'database', state: 'SKIPPED', says: 'the configuration must be right first' });
    return null;
  }
}

async function lookAtDatabase(config: Config): Promise<readonly Finding[]> {
  const log = createLog({ level: 'silent', format: 'json', secrets: [] });
  const findings: Finding[] = [];
  if (config.databaseUrl === null) {
    const embedded = await diagnoseEmbedded(config.dataDirectory);
    findings.push(...embedded.findings);
    if (!embedded.exists || embedded.findings.some(({ state }) => state === 'FAULT')) return findings;
  }
  try {
    const opened = await openExistingDatabase(config, log);
    try {
      if (config.databaseUrl === null)
        findings.push({
          check: 'embedded PostgreSQL',
          state: 'OK',
          says: opened.isRunning ? 'runs, of a server' : 'started for this look, and stopped afterwards',
        });
      findings.push(...(await diagnoseDatabase(opened, MIGRATIONS_DIRECTORY, log)));
    } finally {
      await opened.stop();
    }
  } catch (error) {
    findings.push({ check: 'database', state: 'FAULT', says: textOf(error) });
  }
  return findings;
}

/** A URL without what only its owner may know. */
function shownUrl(url: string): string {
  if (!URL.canParse(url)) return 'that of DATABASE_URL';
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  for (const name of ['password', 'sslpassword'])
    if (shown.searchParams.has(name)) shown.searchParams.set(name, '***');
  return shown.href;
}

function passwordsOf({ databaseUrl, migrationUrl }: Config): string[] {
  const urls = [databaseUrl, migrationUrl].flatMap((url) =>
    url !== null && URL.canParse(url) ? [new URL(url)] : [],
  );
  return urls.flatMap(({ password, searchParams }) => [
    password,
    decodeURIComponent(password),
    searchParams.get('password') ?? '',
  ]);
}

function withoutSecrets(finding: Finding, secrets: readonly string[]): Finding {
  const hide = (text: string): string =>
    secrets
      .filter(({ length }) => length >= SECRET_LENGTH_MIN)
      .reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
  const { says, advice, ...rest } = finding;
  return { ...rest, says: hide(says), ...(advice === undefined ? {} : { advice: hide(advice) }) };
}

function lineOf({ check, state, says, advice }: Finding): string {
  const todo = advice === undefined ? '' : `\n${' '.repeat(9)}-> ${advice}`;
  return `${MARKS[state]}  ${check}: ${says.replaceAll('\n', `\n${' '.repeat(9)}`)}${todo}\n`;
}
