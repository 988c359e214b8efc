import { SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CLOCK_TOLERANCE_S } from '../../src/server/oidc.ts';
import { openEventStream } from '../support/event-stream.ts';
import { AUDIENCE, startIssuer } from '../support/issuer.ts';
import { openAcknowledged, openSocket } from '../support/socket.ts';
import { answerTo, bearer, somebody, startPeopleWorld } from './people-fixture.ts';
import type { PeopleWorld } from './people-fixture.ts';
import { createPrompt, promote } from './registry.ts';

const PATIENCE = { timeout: 15_000 };
let world: PeopleWorld;
let refusal: string;
beforeAll(async () => {
  world = await startPeopleWorld();
  await createPrompt(world.server, 'people/one');
  await promote(world.server, 'people/one', 1);
  for (const slug of ['acme', 'beta']) await world.server.app.ensureWorkspace({ slug, name: slug });
  await world.server.app.ensureWorkspace({ slug: '$operator', name: 'Operator' });
  refusal = await answerTo(world.server, 'pf_live_no_key_at_all');
});
afterAll(() => world.close());

const nowS = () => Math.floor(Date.now() / 1_000);

interface Who {
  role: string;
  actor: { kind: string; name: string };
  workspace: { slug: string };
}

async function whoIs(token: string, headers: Record<string, string> = {}): Promise<Who> {
  const [status, , body] = JSON.parse(await answerTo(world.server, token, headers)) as [
    number,
    unknown,
    string,
  ];
  if (status !== 200) throw new Error(`refused with ${status}`);
  return (JSON.parse(body) as { data: { viewer: Who } }).data.viewer;
}

const memberOf = async (subject: string) =>
  world.server.database.query<Record<string, unknown>>(
    `SELECT m.*, w.slug FROM "member" m JOIN "workspace" w ON w.id = m.workspace_id WHERE subject = $1 ORDER BY w.slug`,
    [subject],
  );

describe('somebody with a token of the issuer', () => {
  it.each(['RS256', 'ES256', 'EdDSA'] as const)(
    'signed by %s is let in as what the token claims',
    async (algorithm) => {
      const token = await world.issuer.token(somebody(), { roles: ['RELEASER'], name: 'Grace', algorithm });
      expect(await whoIs(token)).toEqual({
        role: 'RELEASER',
        actor: { kind: 'USER', name: 'Grace' },
        workspace: { slug: 'default' },
      });
    },
  );

  it('is let in by REST, by event streams, and by WebSockets with a header or in connection_init', async () => {
    const { server } = world;
    const token = await world.issuer.token(somebody(), { roles: 'VIEWER', name: 'Ada' });
    const rest = await fetch(`${server.url}/v1/prompts/people/one`, { headers: bearer(token) });
    expect(rest.status).toBe(200);
    const stream = await openEventStream(`${server.url}/v1/channels/stable/events`, { key: token });
    expect((await stream.next()).event).toBe('snapshot');
    const ask = async (socket: Awaited<ReturnType<typeof openSocket>>) => {
      socket.send({ type: 'subscribe', id: '1', payload: { query: '{ viewer { actor { name } } }' } });
      return (await socket.next()).payload;
    };
    const answer = { data: { viewer: { actor: { name: 'Ada' } } } };
    expect(await ask(await openAcknowledged(server.url, token))).toEqual(answer);
    const socket = await openSocket(server.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    expect((await socket.next()).type).toBe('connection_ack');
    expect(await ask(socket)).toEqual(answer);
  });

  it('acts under its own name, and its first sign-in is told with where it came from', async () => {
    const subject = somebody();
    const token = await world.issuer.token(subject, { roles: ['EDITOR'], email: 'ada@example.com' });
    const save = `mutation { createPrompt(input: { slug: "${subject}", content: { template: "x" } }) { __typename } }`;
    await world.server.execute(save, {}, { key: token });
    const events = await world.server.execute(
      `{ events(first: 5, filter: { actor: "ada@example.com" }) { edges { node { type actor { kind name } sourceAddress requestId payload } } } }`,
    );
    expect(events.data()).toMatchObject({
      events: {
        edges: expect.arrayContaining([
          {
            node: expect.objectContaining({
              type: 'PromptCreated',
              actor: { kind: 'USER', name: 'ada@example.com' },
            }) as object,
          },
          {
            node: {
              type: 'MemberJoined',
              actor: { kind: 'USER', name: 'ada@example.com' },
              sourceAddress: '127.0.0.1',
              requestId: expect.any(String) as string,
              payload: expect.objectContaining({ name: 'ada@example.com' }) as object,
            },
          },
        ]) as object,
      },
    });
  });

  it('costs no statement and no look at the issuer while it is remembered', async () => {
    const { server, issuer } = world;
    const token = await issuer.token(somebody(), { roles: ['VIEWER'] });
    await whoIs(token);
    const read = () => fetch(`${server.url}/v1/prompts/people/one`, { headers: bearer(token) });
    const [fetches, statements] = [issuer.keyFetches(), server.statements.length];
    for (let i = 0; i < 20; i += 1) expect((await read()).status).toBe(200);
    const asked = server.statements
      .slice(statements)
      .filter((sql) => /"member"/.test(sql) && /SELECT/i.test(sql));
    expect(asked).toEqual([]);
    expect(issuer.keyFetches()).toBe(fetches);
  });

  it('is one member, however many first requests come at once', async () => {
    const subject = somebody();
    const token = await world.issuer.token(subject, { roles: ['VIEWER'] });
    const names = await Promise.all(Array.from({ length: 8 }, async () => (await whoIs(token)).actor.name));
    expect(new Set(names)).toEqual(new Set([subject]));
    expect(await memberOf(subject)).toHaveLength(1);
  });

  it('is shown by the name, address and role of its newest token', async () => {
    const subject = somebody();
    await whoIs(await world.issuer.token(subject, { roles: ['EDITOR'], name: 'Ada' }));
    const news = { roles: ['ADMIN'], name: 'Ada L.', email: 'ada@example.com' };
    const token = await world.issuer.token(subject, news);
    expect((await whoIs(token)).role).toBe('ADMIN');
    await expect
      .poll(async () => (await memberOf(subject))[0], PATIENCE)
      .toMatchObject({ name: 'Ada L.', email: 'ada@example.com', claimed_role: 'ADMIN' });
  });
});

describe('a token', () => {
  const payload = () => ({
    iss: world.issuer.url,
    aud: AUDIENCE,
    sub: somebody(),
    roles: ['ADMIN'],
    iat: nowS(),
    exp: nowS() + 60,
  });

  it('is taken when the issuer has signed exactly what it has to say', async () => {
    expect(await answerTo(world.server, await world.issuer.sign(payload()))).not.toBe(refusal);
    const several = { ...payload(), aud: ['another', AUDIENCE] };
    expect(await answerTo(world.server, await world.issuer.sign(several))).not.toBe(refusal);
  });

  const WRONG: readonly [title: string, () => Promise<string>][] = [
    ['for another audience', () => world.issuer.token(somebody(), { roles: ['ADMIN'], audience: 'another' })],
    [
      'of another issuer',
      async () => {
        const other = await startIssuer();
        onTestFinished(() => other.stop());
        return other.token(somebody(), { roles: ['ADMIN'] });
      },
    ],
    [
      'that names another issuer',
      () => world.issuer.sign({ ...payload(), iss: 'https://login.example.com' }),
    ],
    ['with no issuer', () => world.issuer.sign({ ...payload(), iss: undefined as never })],
    ['with no audience', () => world.issuer.sign({ ...payload(), aud: undefined as never })],
    ['with no end', () => world.issuer.sign({ ...payload(), exp: undefined as never })],
    ['of nobody', () => world.issuer.sign({ ...payload(), sub: undefined as never })],
    ['of nobody in particular', () => world.issuer.sign({ ...payload(), sub: ' ' })],
    ['of somebody whose name is too long', () => world.issuer.sign({ ...payload(), sub: 'x'.repeat(256) })],
    ['of somebody whose name cannot be stored', () => world.issuer.sign({ ...payload(), sub: 'a\u0000' })],
    ['that has expired', () => world.issuer.sign({ ...payload(), exp: nowS() - CLOCK_TOLERANCE_S - 1 })],
    ['that is not good yet', () => world.issuer.sign({ ...payload(), nbf: nowS() + CLOCK_TOLERANCE_S + 10 })],
    ['that is not signed', async () => new UnsecuredJWT(payload()).encode()],
    [
      'that is signed with the public key as a secret',
      () => {
        const secret = Buffer.from(JSON.stringify(world.issuer.publicKey('RS256')));
        const kid = world.issuer.publicKey('RS256').kid ?? '';
        return new SignJWT(payload()).setProtectedHeader({ alg: 'HS256', kid }).sign(secret);
      },
    ],
    [
      'whose claims were changed',
      async () => {
        const [head, , signature] = (await world.issuer.token(somebody(), { roles: ['VIEWER'] })).split('.');
        const body = Buffer.from(JSON.stringify(payload())).toString('base64url');
        return [head, body, signature].join('.');
      },
    ],
    [
      'whose signature was cut off',
      async () => (await world.issuer.token(somebody(), { roles: ['VIEWER'] })).replace(/[^.]+$/, ''),
    ],
    ['that is too long', () => world.issuer.sign({ ...payload(), padding: 'x'.repeat(9_500) })],
    ['that claims no role', () => world.issuer.token(somebody(), {})],
    ['that claims the role of a service', () => world.issuer.token(somebody(), { roles: ['SERVICE'] })],
    [
      'that claims the role of an operator',
      () => world.issuer.token(somebody(), { roles: ['OPERATOR', '$operator:ADMIN'] }),
    ],
  ];

  it.each(WRONG)('%s is answered exactly as a key that is not known', async (_title, make) => {
    expect(await answerTo(world.server, await make())).toBe(refusal);
  });

  it('makes no member when it is refused', async () => {
    const subject = somebody();
    await answerTo(
      world.server,
      await world.issuer.token(subject, { roles: ['ADMIN'], audience: 'another' }),
    );
    await answerTo(world.server, await world.issuer.token(subject, { roles: [] }));
    expect(await memberOf(subject)).toEqual([]);
  });

  it('is taken for 5 s after its end, because clocks differ, but opens no stream then', async () => {
    const token = await world.issuer.sign({ ...payload(), exp: nowS() - 2 });
    expect(await whoIs(token)).toMatchObject({ role: 'ADMIN' });
    await expect(
      openEventStream(`${world.server.url}/v1/channels/stable/events`, { key: token }),
    ).rejects.toThrow('answered 401');
  });

  it('stands in no log line', async () => {
    const token = await world.issuer.token(somebody(), { roles: ['ADMIN'] });
    await whoIs(token);
    await answerTo(world.server, `${token}x`);
    expect(JSON.stringify(world.server.logged)).not.toContain(token.split('.')[2]);
  });
});

describe('the workspace that somebody comes to', () => {
  const workspace = (slug: string) => ({ 'x-promptforge-workspace': slug });

  it('is the only one that its token names, or the one that the request names', async () => {
    const one = await world.issuer.token(somebody(), { roles: ['acme:RELEASER'] });
    expect(await whoIs(one)).toMatchObject({ role: 'RELEASER', workspace: { slug: 'acme' } });
    const subject = somebody();
    const two = await world.issuer.token(subject, { roles: ['acme:RELEASER', 'beta:VIEWER', 'ADMIN'] });
    expect(await whoIs(two)).toMatchObject({ role: 'ADMIN', workspace: { slug: 'default' } });
    expect(await whoIs(two, workspace('acme'))).toMatchObject({
      role: 'RELEASER',
      workspace: { slug: 'acme' },
    });
    expect(await whoIs(two, workspace('beta'))).toMatchObject({
      role: 'VIEWER',
      workspace: { slug: 'beta' },
    });
    expect((await memberOf(subject)).map(({ slug }) => slug)).toEqual(['acme', 'beta', 'default']);
  });

  it('is named in connection_init where there is no header', async () => {
    const token = await world.issuer.token(somebody(), { roles: ['acme:RELEASER', 'beta:VIEWER'] });
    const query = '{ viewer { role workspace { slug } } }';
    const answers = async (options: Parameters<typeof openSocket>[1], payload: object) => {
      const socket = await openSocket(world.server.url, options);
      socket.send({ type: 'connection_init', payload });
      expect((await socket.next()).type).toBe('connection_ack');
      socket.send({ type: 'subscribe', id: '1', payload: { query } });
      return (await socket.next()).payload;
    };
    const beta = { data: { viewer: { role: 'VIEWER', workspace: { slug: 'beta' } } } };
    const acme = { data: { viewer: { role: 'RELEASER', workspace: { slug: 'acme' } } } };
    expect(await answers({}, { ...bearer(token), workspace: 'beta' })).toEqual(beta);
    expect(await answers({ key: token, headers: workspace('beta') }, {})).toEqual(beta);
    expect(await answers({ key: token, headers: workspace('beta') }, { workspace: 'acme' })).toEqual(acme);
    for (const wrong of ['nowhere', 'default', 7]) {
      const socket = await openSocket(world.server.url);
      socket.send({ type: 'connection_init', payload: { ...bearer(token), workspace: wrong } });
      expect((await socket.closed).code).toBe(4403);
    }
  });

  it.each(['nowhere', 'beta', 'default', '$operator', '', 'Acme', 'acme, acme', 'x'.repeat(200)])(
    'is not let in to %j, and learns nothing of it',
    async (slug) => {
      const token = await world.issuer.token(somebody(), { roles: ['acme:ADMIN', '$operator:ADMIN'] });
      expect(await answerTo(world.server, token, workspace(slug))).toBe(refusal);
      expect(await whoIs(token, workspace('acme'))).toMatchObject({ role: 'ADMIN' });
      expect(await answerTo(world.server, token, workspace(slug))).toBe(refusal);
    },
  );

  it('does not matter to a key, which has one', async () => {
    const { adminKey } = world.server;
    expect(await whoIs(adminKey, workspace('acme'))).toMatchObject({ workspace: { slug: 'default' } });
  });
});
