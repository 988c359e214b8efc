import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigInvalid, parseConfig } from '../../src/server/config.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const noTerminal = { isTTY: false };

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(env, noTerminal);
    return [];
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.faults;
    throw error;
  }
}

/** Everything that can be wrong, each with a word of what would be right. */
const WRONG: readonly [name: string, value: string, example: RegExp][] = [
  ['PORT', '65536', /4000/],
  ['PORT', '-1', /4000/],
  ['PORT', '80a', /4000/],
  ['PORT', '4000.5', /4000/],
  ['PORT', ' 4000', /4000/],
  ['DATABASE_URL', 'mysql://root:hunter2secret@localhost/db', /postgresql:\/\//],
  ['DATABASE_URL', 'postgresql://', /postgresql:\/\//],
  ['DATABASE_URL', 'postgresql://u:hunter2secret@127.0.0.1:99999/db', /example postgresql:.*port/],
  ['DATABASE_URL', 'postgresql://u:hunter2secret@h/db?port=99999', /example postgresql:.*its port/],
  ['DATABASE_URL', 'postgresql://u:hunter2secret@h:5432:5433/db', /example postgresql:.*port/],
  ['DATABASE_URL', 'postgres://%zzhunter2secret@h/db', /example postgresql:.*%25/],
  ['DATABASE_URL', 'postgresql://u:hunter2secret@h/db?sslrootcert=/nowhere/ca.pem', /ENOENT.*ca\.pem/],
  ['PROMPTFORGE_ADMIN_KEY', 'hunter2secret', /24/],
  ['PROMPTFORGE_ADMIN_KEY', 'has a space and hunter2secret', /openssl/],
  ['PROMPTFORGE_ADMIN_KEY', `${'ü'.repeat(24)}hunter2secret`, /ASCII/],
  ['PROMPTFORGE_OPERATOR_KEY', 'hunter2secret', /24/],
  ['PROMPTFORGE_OPERATOR_KEY', 'has a space and hunter2secret', /openssl/],
  ['PROMPTFORGE_DEMO', 'yes', /true or false/],
  ['PROMPTFORGE_DEMO', 'TRUE', /true or false/],
  ['CORS_ORIGINS', 'https://app.example.com/', /https:\/\/app\.example\.com/],
  ['CORS_ORIGINS', '*', /https:\/\/app\.example\.com/],
  ['CORS_ORIGINS', 'https://a.example, app.example.com', /https:\/\/app\.example\.com/],
  ['CORS_ORIGINS', 'ftp://a.example', /https:\/\/app\.example\.com/],
  ['LOG_LEVEL', 'loud', /info/],
  ['LOG_FORMAT', 'xml', /json/],
  ['TRUSTED_PROXIES', '10.0.0.0/33', /10\.0\.0\.0\/8/],
  ['TRUSTED_PROXIES', '10.0.0.1, proxy.example.com', /10\.0\.0\.0\/8/],
  ['RATE_LIMIT_KEY', '-1', /2000, or 0/],
  ['RATE_LIMIT_KEY', '1e3', /2000, or 0/],
  ['RATE_LIMIT_ADDRESS', '10/s', /2000, or 0/],
  ['INTROSPECTION', 'off', /true or false/],
  ['GRAPHIQL', '1', /true or false/],
  ['SUGGESTIONS', 'no', /true or false/],
];

describe('parseConfig', () => {
  it('has a default for everything', () => {
    const defaults = {
      host: '127.0.0.1',
      port: 4_000,
      databaseUrl: null,
      migrationUrl: null,
      dataDirectory: '.promptforge',
      adminKey: null,
      operatorKey: null,
      demo: true,
      corsOrigins: [],
      oidc: null,
      auditCheckpoints: null,
      auditSigningKey: null,
      logLevel: 'info',
      logFormat: 'json',
      trustedProxies: [],
      rateLimits: { key: 2_000, address: 5_000 },
      snapshot: { bytesMax: 256 * 1024 * 1024, warmUp: true },
      graphql: { introspection: true, graphiql: true, suggestions: true },
      trustedDocuments: null,
    };
    expect(parseConfig({}, noTerminal)).toEqual(defaults);
    expect(
      parseConfig({ PORT: '', DATABASE_URL: '', PROMPTFORGE_ADMIN_KEY: '', CORS_ORIGINS: '' }, noTerminal),
    ).toEqual(defaults);
    expect(parseConfig({}, { isTTY: true })).toEqual({ ...defaults, logFormat: 'pretty' });
  });

  it('takes no key for two actors', () => {
    const key = 'k'.repeat(24);
    const env = { PROMPTFORGE_ADMIN_KEY: key, PROMPTFORGE_OPERATOR_KEY: key };
    expect(() => parseConfig(env, noTerminal)).toThrow(
      /PROMPTFORGE_OPERATOR_KEY must not be PROMPTFORGE_ADMIN_KEY/,
    );
    expect(parseConfig({ ...env, PROMPTFORGE_OPERATOR_KEY: `${key}2` }, noTerminal).operatorKey).toBe(
      `${key}2`,
    );
  });

  it('takes every variable', () => {
    const config = parseConfig(
      {
        HOST: '::1',
        PORT: '0',
        DATABASE_URL: 'postgres://u:p@h/db?sslmode=require',
        DATABASE_MIGRATION_URL: 'postgres://owner:p@h/db',
        PROMPTFORGE_DATA_DIR: '/data',
        PROMPTFORGE_ADMIN_KEY: 'x'.repeat(24),
        PROMPTFORGE_OPERATOR_KEY: 'y'.repeat(24),
        PROMPTFORGE_DEMO: 'true',
        CORS_ORIGINS: ' https://a.example , http://localhost:5173,, ',
        OIDC_ISSUER: 'https://login.example.com/realms/one',
        OIDC_AUDIENCE: 'promptforge',
        OIDC_JWKS_URI: 'http://127.0.0.1:9/jwks',
        OIDC_ROLES_CLAIM: 'realm_access.roles',
        OIDC_ALGORITHMS: 'ES256, EdDSA',
        AUDIT_CHECKPOINTS: 'file:/var/log/checkpoints.jsonl',
        AUDIT_SIGNING_KEY: '/etc/key.pem',
        LOG_LEVEL: 'debug',
        LOG_FORMAT: 'pretty',
        TRUSTED_PROXIES: ' 10.0.0.0/8, ::1 ',
        RATE_LIMIT_KEY: '0',
        RATE_LIMIT_ADDRESS: '100',
        SERVING_SNAPSHOT_MIB: '1024',
        WARM_UP: 'false',
        INTROSPECTION: 'false',
        GRAPHIQL: 'false',
        SUGGESTIONS: 'false',
        PROMPTFORGE_TRUSTED_DOCUMENTS: '/etc/documents.json',
      },
      noTerminal,
    );
    expect(config).toEqual({
      host: '::1',
      port: 0,
      databaseUrl: 'postgres://u:p@h/db?sslmode=require',
      migrationUrl: 'postgres://owner:p@h/db',
      dataDirectory: '/data',
      adminKey: 'x'.repeat(24),
      operatorKey: 'y'.repeat(24),
      demo: true,
      corsOrigins: ['https://a.example', 'http://localhost:5173'],
      oidc: {
        issuer: 'https://login.example.com/realms/one',
        audience: 'promptforge',
        jwksUri: 'http://127.0.0.1:9/jwks',
        rolesClaim: 'realm_access.roles',
        algorithms: ['ES256', 'EdDSA'],
      },
      auditCheckpoints: 'file:/var/log/checkpoints.jsonl',
      auditSigningKey: '/etc/key.pem',
      logLevel: 'debug',
      logFormat: 'pretty',
      trustedProxies: ['10.0.0.0/8', '::1'],
      rateLimits: { key: 0, address: 100 },
      snapshot: { bytesMax: 1024 * 1024 * 1024, warmUp: false },
      graphql: { introspection: false, graphiql: false, suggestions: false },
      trustedDocuments: '/etc/documents.json',
    });
  });

  it.each([
    [{}, true],
    [{ DATABASE_URL: 'postgresql://u@h/db' }, false],
    [{ DATABASE_URL: 'postgresql://u@h/db', SUGGESTIONS: 'true' }, true],
    [{ SUGGESTIONS: 'false' }, false],
    [{ INTROSPECTION: 'false', SUGGESTIONS: 'true' }, false],
  ])('with %j has suggestions: %s, never more than introspection tells', (env, suggestions) => {
    expect(parseConfig(env, noTerminal).graphql.suggestions).toBe(suggestions);
  });

  it('takes the owner of the database beside the login of the server, and not without it', () => {
    const DATABASE_MIGRATION_URL = 'postgresql://owner:hunter2secret@h/db';
    expect(faultsOf({ DATABASE_MIGRATION_URL })).toEqual([
      'DATABASE_MIGRATION_URL must stand beside DATABASE_URL, which names another login and is not set',
    ]);
    const wrong = faultsOf({ DATABASE_MIGRATION_URL: 'mysql://root:hunter2secret@h/db' });
    expect(wrong).toEqual([expect.stringMatching(/^DATABASE_MIGRATION_URL must .*postgresql:/)]);
    expect(wrong.join()).not.toContain('hunter2secret');
  });

  it.each([
    'file:relative.jsonl',
    'http://logs.example/in',
    'https://user:hunter2secret@logs.example/in',
    'stderr',
  ])('sends no checkpoint to %s', (AUDIT_CHECKPOINTS) => {
    const faults = faultsOf({ AUDIT_CHECKPOINTS });
    expect(faults).toEqual([expect.stringMatching(/^AUDIT_CHECKPOINTS must .*file:/)]);
    expect(faults.join()).not.toContain('hunter2secret');
  });

  it('sends checkpoints only where there is a key to sign them with', () => {
    const AUDIT_CHECKPOINTS = 'stdout';
    const DATABASE_URL = 'postgresql://u@h/db';
    expect(faultsOf({ AUDIT_CHECKPOINTS, DATABASE_URL })).toEqual([
      expect.stringMatching(/^AUDIT_CHECKPOINTS must stand beside AUDIT_SIGNING_KEY/),
    ]);
    expect(faultsOf({ AUDIT_CHECKPOINTS })).toEqual([]);
  });

  it('seeds the demo only with the embedded database, unless told otherwise', () => {
    const DATABASE_URL = 'postgresql://u@h/db';
    expect(parseConfig({ DATABASE_URL }, noTerminal).demo).toBe(false);
    expect(parseConfig({ DATABASE_URL, PROMPTFORGE_DEMO: 'true' }, noTerminal).demo).toBe(true);
    expect(parseConfig({ PROMPTFORGE_DEMO: 'false' }, noTerminal).demo).toBe(false);
  });

  it.each([
    'postgresql://u@/db?host=/var/run/postgresql',
    'postgresql:///db?host=/var/run/postgresql&user=u',
    'postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/db',
    'postgres://u:a%40b%25@[::1]:5433/d%20b?sslmode=disable',
    'postgresql://h',
  ])('takes the DATABASE_URL %s', (DATABASE_URL) => {
    expect(parseConfig({ DATABASE_URL }, noTerminal).databaseUrl).toBe(DATABASE_URL);
  });

  it.each(WRONG)(
    'refuses %s=%j with its name, what is wrong and an example, and prints no secret',
    (name, value, example) => {
      const faults = faultsOf({ [name]: value });
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatch(new RegExp(`^${name} must `));
      expect(faults[0]).toMatch(example);
      expect(faults[0]).not.toContain('hunter2secret');
      const isSecret = /^(DATABASE|PROMPTFORGE|AUDIT)_(?!DEMO|DATA_DIR)/.test(name);
      expect(faults[0]?.includes(JSON.stringify(value))).toBe(!isSecret);
    },
  );

  const OIDC = { OIDC_ISSUER: 'https://login.example.com', OIDC_AUDIENCE: 'promptforge' };

  it('has defaults for what of OIDC need not be said', () => {
    expect(parseConfig(OIDC, noTerminal).oidc).toEqual({
      issuer: 'https://login.example.com',
      audience: 'promptforge',
      jwksUri: null,
      rolesClaim: 'roles',
      algorithms: ['RS256', 'ES256', 'EdDSA'],
    });
  });

  it.each([
    ['OIDC_ISSUER', 'login.example.com'],
    ['OIDC_ISSUER', 'http://login.example.com'],
    ['OIDC_JWKS_URI', 'http://127.0.0.1.example.com/jwks'],
    ['OIDC_ALGORITHMS', 'none'],
    ['OIDC_ALGORITHMS', 'RS256,HS256'],
    ['OIDC_ALGORITHMS', 'rs256'],
    ['OIDC_ALGORITHMS', ' '],
  ])('refuses %s=%j', (name, value) => {
    expect(faultsOf({ ...OIDC, [name]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${name} must .*example`)),
    ]);
  });

  it('needs an issuer and an audience as soon as anything of OIDC is set, and says so with all other faults', () => {
    const env = { PORT: 'http', OIDC_ROLES_CLAIM: 'roles', OIDC_ALGORITHMS: 'HS256' };
    expect(faultsOf(env).map((fault) => fault.split(' ', 2).join(' '))).toEqual([
      'PORT must',
      'OIDC_ALGORITHMS must',
      'OIDC_ISSUER is',
      'OIDC_AUDIENCE is',
    ]);
    expect(faultsOf({ OIDC_ISSUER: 'https://login.example.com' })).toHaveLength(1);
    expect(faultsOf({ OIDC_AUDIENCE: 'promptforge' })).toHaveLength(1);
  });

  it('reports all faults at once', () => {
    const env = Object.fromEntries(WRONG);
    expect(faultsOf(env).map((fault) => fault.split(' ')[0])).toEqual([
      ...new Set(WRONG.map(([name]) => name)),
    ]);
  });
});

describe('a server with a wrong configuration', () => {
  it('says everything that is wrong on standard error and exits with 78, having started nothing', async () => {
    const env = {
      PATH: process.env['PATH'] ?? '',
      PORT: 'http',
      LOG_LEVEL: 'loud',
      PROMPTFORGE_ADMIN_KEY: 'hunter2secret',
    };
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err] = [textOf(child.stdout), textOf(child.stderr)];
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, await out]).toEqual([78, '']);
    expect(await err).toMatch(/PORT must[^]*PROMPTFORGE_ADMIN_KEY must[^]*LOG_LEVEL must/);
    expect(await err).not.toContain('hunter2secret');
  });
});

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
