import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import { openFollower } from '../support/follower.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { bearer, oidcConfig, somebody, startPeopleWorld } from './people-fixture.ts';
import type { PeopleWorld } from './people-fixture.ts';
import { createPrompt, promote } from './registry.ts';

const PATIENCE = { timeout: 15_000 };
/** How long a stream may outlive its credential, and how long a node may take to hear of a change. */
const END_MS = 1_000;
const CHANGE_MS = 2_000;

let world: PeopleWorld;
let other: TestServer;
let nodes: readonly [TestServer, TestServer];
beforeAll(async () => {
  world = await startPeopleWorld();
  const { database } = world.server;
  other = await startTestServer({ database, config: { oidc: oidcConfig(world.issuer) } });
  nodes = [world.server, other];
  await createPrompt(world.server, 'ends/one');
  await promote(world.server, 'ends/one', 1);
});
afterAll(async () => {
  await other.close();
  await world.close();
});

interface Told {
  /** When something was heard, and when it was over; in milliseconds since 1970. */
  readonly heardAt: number[];
  readonly over: Promise<{ readonly how: string; readonly at: number }>;
}

async function bySocket({ url }: TestServer, key: string): Promise<Told> {
  const follower = await openFollower({ url, adminKey: key }, 'bookmarks: true');
  await follower.next();
  const heardAt: number[] = [];
  const reading = (async () => {
    for (;;) {
      const event = await follower.next().catch(() => null);
      if (event === null) return;
      if (event.__typename !== 'Bookmark') heardAt.push(Date.now());
    }
  })();
  const over = follower.socket.closed.then(async ({ code }) => {
    const at = Date.now();
    await reading;
    return { how: String(code), at };
  });
  return { heardAt, over };
}

async function byEvents({ url }: TestServer, key: string): Promise<Told> {
  const stream = await openEventStream(`${url}/v1/channels/stable/events`, { key });
  await stream.next();
  const heardAt: number[] = [];
  const over = (async () => {
    let last = '';
    for (;;) {
      const block = await stream.nextBlock().catch(() => null);
      if (block === null) break;
      last = block.comment ?? last;
      if (block.event !== undefined && block.event !== 'bookmark') heardAt.push(Date.now());
    }
    const isComplete = await stream.ended;
    return { how: isComplete ? last.slice(0, 4) : 'cut', at: Date.now() };
  })();
  return { heardAt, over };
}

const everywhere = (key: string) =>
  Promise.all(nodes.flatMap((node) => [bySocket(node, key), byEvents(node, key)]));

/** Promotes without an end, until it is told to stop: whoever may still hear something does. */
function promoteAlways(): { stop(): Promise<void> } {
  const state = { isOver: false };
  const running = (async () => {
    while (!state.isOver) await promote(world.server, 'ends/one', 1);
  })();
  return {
    stop: async () => {
      state.isOver = true;
      await running;
    },
  };
}

const statusOf = async ({ url }: TestServer, key: string) =>
  (await fetch(`${url}/v1/prompts/ends/one`, { headers: bearer(key) })).status;

describe('streams end with their credential', () => {
  it('of a token: not before its end, 1 s after it at most, and hear nothing after it', async () => {
    const token = await world.issuer.token(somebody(), { roles: ['VIEWER'], ttlS: 4 });
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      exp: number;
    };
    const told = await everywhere(token);
    const promoting = promoteAlways();
    const ends = await Promise.all(told.map(({ over }) => over));
    await promoting.stop();
    expect(ends.map(({ how }) => how)).toEqual(told.map(() => '4401'));
    const after = ends.map(({ at }) => at - exp * 1_000);
    expect(Math.min(...after)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...after)).toBeLessThan(END_MS);
    for (const { heardAt } of told) {
      expect(heardAt.length).toBeGreaterThan(0);
      // What was sent before the end may arrive a moment after it.
      expect((heardAt.at(-1) ?? 0) - exp * 1_000).toBeLessThan(100);
    }
  });

  it('of a key with an end, and the key with them', async () => {
    const expiresAt = new Date(Date.now() + 3_000);
    const { key } = await world.server.app.createApiKey(await world.server.systemOf('default'), {
      name: 'short',
      role: 'VIEWER',
      expiresAt,
      secret: crypto.getRandomValues(new Uint8Array(32)),
    });
    const ends = await Promise.all((await everywhere(key)).map(({ over }) => over));
    const after = ends.map(({ at }) => at - expiresAt.getTime());
    expect(ends.map(({ how }) => how)).toEqual(ends.map(() => '4401'));
    expect(Math.min(...after)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...after)).toBeLessThan(END_MS);
    expect(await Promise.all(nodes.map((node) => statusOf(node, key)))).toEqual([401, 401]);
  });
});

describe('a rotation', () => {
  const rotate = async (id: string, overlapDays: number) =>
    world.server.app.rotateApiKey(await world.server.systemOf('default'), {
      id,
      overlapDays,
      secret: crypto.getRandomValues(new Uint8Array(32)),
    });

  it('without an overlap ends the streams of the former secret on every node within 2 s', async () => {
    const { id, key } = await world.server.createKey('VIEWER');
    const told = await everywhere(key);
    const rotatedAt = Date.now();
    const { key: next } = await rotate(id, 0);
    const ends = await Promise.all(told.map(({ over }) => over));
    expect(ends.map(({ how }) => how)).toEqual(ends.map(() => '4401'));
    expect(Math.max(...ends.map(({ at }) => at - rotatedAt))).toBeLessThan(CHANGE_MS);
    for (const node of nodes) {
      expect(await statusOf(node, key)).toBe(401);
      expect(await statusOf(node, next)).toBe(200);
    }
  });

  it('with an overlap fails no request of either secret until it is over, and all of the former one within 2 s after it', async () => {
    const { id, key: former } = await world.server.createKey('VIEWER');
    const { key: next } = await rotate(id, 1);
    // The day is made a few seconds, as if it were nearly over, and the nodes are told as of any rotation.
    const overAt = Date.now() + 4_000;
    await world.server.database.query(`UPDATE "api_key" SET previous_expires_at = $2 WHERE id = $1`, [
      id,
      new Date(overAt),
    ]);
    const told = [...(await everywhere(former)), ...(await everywhere(next))];
    const seen = { former: [] as [number, number][], failures: 0 };
    while (Date.now() < overAt + CHANGE_MS + 500) {
      for (const node of nodes) {
        const at = Date.now();
        seen.former.push([at, await statusOf(node, former)]);
        if ((await statusOf(node, next)) !== 200) seen.failures += 1;
      }
    }
    expect(seen.failures).toBe(0);
    // Where a request stands across the end, either answer is right.
    expect(seen.former.filter(([at, status]) => at < overAt - 250 && status !== 200)).toEqual([]);
    expect(seen.former.filter(([at, status]) => at > overAt + CHANGE_MS && status !== 401)).toEqual([]);
    const ends = await Promise.all(told.slice(0, 4).map(({ over }) => over));
    expect(Math.max(...ends.map(({ at }) => at - overAt))).toBeLessThan(END_MS);
    const open = await Promise.race([...told.slice(4).map(({ over }) => over), Promise.resolve(null)]);
    expect(open).toBeNull();
  });

  it('tells the streams that are open of the end that their secret has now', async () => {
    const { id, key } = await world.server.createKey('VIEWER');
    const told = await everywhere(key);
    await rotate(id, 1);
    // As above: the second rotation's overlap replaces the first one, and the secret of before is over at once.
    await rotate(id, 1);
    const ends = await Promise.all(told.map(({ over }) => over));
    expect(ends.map(({ how }) => how)).toEqual(ends.map(() => '4401'));
  });
});

describe('what a member may do', () => {
  const IDS =
    'query Members { members(first: 100) { edges { node { id subject role claimedRole suspendedAt } } } }';
  const idOf = async (subject: string) => {
    const { members } = (await world.server.execute(IDS)).data() as {
      members: { edges: { node: { id: string; subject: string } }[] };
    };
    return members.edges.find(({ node }) => node.subject === subject)?.node.id ?? '';
  };
  const set = async (subject: string, what: string, key = world.server.adminKey) => {
    const input = `{ member: "${await idOf(subject)}", ${what} }`;
    const document = `mutation { setMemberRole(input: ${input}) { __typename ... on Member { role suspendedAt grants { role prompts channels } } ... on Error { message } } }`;
    return (
      (await world.server.execute(document, {}, { key })).data() as { setMemberRole: Record<string, unknown> }
    ).setMemberRole;
  };

  it('is decided by an administrator: the streams of before end, and every node follows within 2 s', async () => {
    const subject = somebody();
    const token = await world.issuer.token(subject, { roles: ['ADMIN'] });
    const told = await everywhere(token);
    const changedAt = Date.now();
    expect(await set(subject, 'role: VIEWER')).toEqual({
      __typename: 'Member',
      role: 'VIEWER',
      suspendedAt: null,
      grants: [],
    });
    const ends = await Promise.all(told.map(({ over }) => over));
    expect(ends.map(({ how }) => how)).toEqual(ends.map(() => '4401'));
    expect(Math.max(...ends.map(({ at }) => at - changedAt))).toBeLessThan(CHANGE_MS);
    for (const node of nodes) {
      const who = await node.execute('{ viewer { role } }', {}, { key: token });
      expect(who.data()).toEqual({ viewer: { role: 'VIEWER' } });
    }
  });

  it('is nothing while it is suspended, and what its token claims when that is over', async () => {
    const subject = somebody();
    const token = await world.issuer.token(subject, { roles: ['EDITOR'] });
    const told = await everywhere(token);
    await set(subject, 'suspended: true');
    await Promise.all(told.map(({ over }) => over));
    for (const node of nodes) await expect.poll(() => statusOf(node, token), PATIENCE).toBe(401);
    await set(subject, 'suspended: false');
    for (const node of nodes) await expect.poll(() => statusOf(node, token), PATIENCE).toBe(200);
  });

  it('is more than its token claims where it was granted', async () => {
    const subject = somebody();
    const token = await world.issuer.token(subject, { roles: ['VIEWER'] });
    expect(await statusOf(world.server, token)).toBe(200);
    const grants = { role: 'RELEASER', prompts: ['ends/*'], channels: ['stable'] };
    const granted = await set(
      subject,
      'grants: [{ role: RELEASER, prompts: ["ends/*"], channels: ["stable"] }]',
    );
    expect(granted).toMatchObject({ grants: [grants] });
    const viewer = async () =>
      (await world.server.execute('{ viewer { role scopes } }', {}, { key: token })).data();
    await expect.poll(viewer, PATIENCE).toMatchObject({
      viewer: { role: 'RELEASER', scopes: expect.arrayContaining(['channels:promote']) as string[] },
    });
  });

  it('is not changed by itself, nor beyond what the other one holds', async () => {
    const subject = somebody();
    const token = await world.issuer.token(subject, { roles: ['ADMIN'] });
    expect(await statusOf(world.server, token)).toBe(200);
    expect(await set(subject, 'role: VIEWER', token)).toMatchObject({ __typename: 'Forbidden' });
    expect(await set(subject, 'suspended: true', token)).toMatchObject({ __typename: 'Forbidden' });
    const another = somebody();
    expect(await statusOf(world.server, await world.issuer.token(another, { roles: ['VIEWER'] }))).toBe(200);
    expect(await set(another, 'role: ADMIN', token)).toMatchObject({ role: 'ADMIN' });
    expect(await set(another, 'role: SERVICE', token)).toMatchObject({ __typename: 'InvalidInput' });
  });
});
