import { createPromptForge } from '../../src/sdk/client.ts';
import { splitItem, worldOf } from '../sdk/contract/content.ts';
import type { World } from '../sdk/contract/content.ts';
import { startFakeServer } from '../sdk/contract/fake-server.ts';
import type { FakeServer } from '../sdk/contract/fake-server.ts';
import type { PolledState, Try } from '../sdk/contract/fake-try.ts';
import type { Transport } from '../sdk/contract/format.ts';
import { tellingsOf } from '../sdk/contract/frames.ts';
import type { Telling } from '../sdk/contract/frames.ts';
import { createVirtualClock } from '../sdk/contract/virtual-clock.ts';
import type { VirtualClock } from '../sdk/contract/virtual-clock.ts';
import { seeded, until } from './harness.ts';
import type { RowOptions, RowResult } from './stage.ts';

const SLUGS = ['a', 'b', 'c/d', 'c/e'];
const NOTHING: PolledState = { channel: 'stable', cursor: '', entries: new Map(), etag: '', headers: {} };

interface Commit {
  readonly at: number;
  readonly before: number;
  readonly items: readonly string[];
}

/** Row 28, the SDK's part: frames come one to three times, connections are lost anywhere, and what was applied long ago comes again in any order. */
export async function duplicates({ seed, faults }: RowOptions): Promise<RowResult> {
  const results = [];
  for (const transport of ['websocket', 'sse'] as const)
    results.push(await play(transport, seeded(seed), faults));
  return {
    acknowledged: results.reduce((sum, { moves }) => sum + moves, 0),
    faults: results.reduce((sum, { cuts, repeated }) => sum + cuts + repeated, 0),
    findings: results.flatMap(({ findings }) => findings),
    figures: Object.fromEntries(
      results.flatMap(({ transport, moves, told, repeated, cuts }) =>
        Object.entries({ moves, told, repeated, cuts }).map(([name, value]) => [
          `${transport} ${name}`,
          value,
        ]),
      ),
    ),
  };
}

async function play(transport: Transport, random: (below: number) => number, count: number) {
  const clock = createVirtualClock(Date.parse('2026-11-24T12:00:00Z'), () => random(1_000) / 1_000);
  const server = await startFakeServer(1, () => clock.now());
  const [url = ''] = server.urls;
  const client = createPromptForge({ url, apiKey: 'pf_key', transports: [transport] }, { clock });
  const heard = new Map<string, number>();
  const hear = (slug: string, cursor: string | null) =>
    heard.set(`${slug} ${cursor}`, (heard.get(`${slug} ${cursor}`) ?? 0) + 1);
  client.on('promoted', ({ slug, cursor }) => hear(slug, cursor));
  client.on('withdrawn', ({ slug, cursor }) => hear(slug, cursor));
  const commits = commitsOf(random, count);
  const teller = createTeller({ commits, random, world: worldOf({ title: '', over: [], steps: [] }) });
  try {
    const last = teller.cursorAfter(commits.length);
    while (client.status().cursor !== last) {
      const attempt = await nextTry(server, clock);
      const { after } = await attempt.accept({ bare: false });
      await teller.tell(attempt, after, () => client.status().cursor);
      await until(
        'it was noticed',
        () => client.status().cursor === last || !client.status().connected,
        10_000,
      );
    }
    const moves = commits.flatMap(({ items }) => items).length;
    const served = Object.fromEntries(client.slugs().map((slug) => [slug, client.get(slug).version]));
    const often = [...heard]
      .filter(([, times]) => times > 1)
      .map(([move, times]) => `${transport}: ${move} was told ${times} times`);
    const wrong =
      JSON.stringify(served) === JSON.stringify(servedAfter(commits))
        ? []
        : [`${transport}: ${JSON.stringify(served)} is served`];
    const lost = heard.size === moves ? [] : [`${transport}: ${heard.size} of ${moves} moves were told`];
    return {
      transport,
      moves,
      told: heard.size,
      ...teller.counts(),
      findings: [...often, ...wrong, ...lost].slice(0, 10),
    };
  } finally {
    await client.close();
    await server.close();
  }
}

function commitsOf(random: (below: number) => number, count: number): Commit[] {
  const served = new Set<string>();
  let at = 1;
  return Array.from({ length: count }, () => {
    const before = at;
    const slugs = SLUGS.filter(() => random(3) === 0);
    const items = (slugs.length === 0 ? ['a'] : slugs).map((slug) => {
      at += 1;
      const isWithdrawn = served.has(slug) && random(4) === 0;
      if (isWithdrawn) served.delete(slug);
      else served.add(slug);
      return isWithdrawn ? `${slug}@-` : `${slug}@${at}`;
    });
    return { at, before, items };
  });
}

function servedAfter(commits: readonly Commit[]): Record<string, number> {
  const served = new Map<string, number>();
  for (const item of commits.flatMap(({ items }) => items)) {
    const { slug, version } = splitItem(item);
    if (version === null) served.delete(slug);
    else served.set(slug, version);
  }
  return Object.fromEntries([...served].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

interface TellerOptions {
  readonly commits: readonly Commit[];
  readonly random: (below: number) => number;
  readonly world: World;
}

function createTeller({ commits, random, world }: TellerOptions) {
  let repeated = 0;
  let cuts = 0;
  const cursorAfter = (count: number) => world.cursor(commits[count - 1]?.at ?? 1);
  // Made once, in order: each promotion says what was served before it.
  const frames = new Map(
    commits.map((commit) => {
      const { items, at, before } = commit;
      return [commit, tellingsOf([{ commit: items, at, before }], world)];
    }),
  );
  const framesOf = (commit: Commit): Telling[] => frames.get(commit) ?? [];
  const again = <Value>(value: Value): Value[] => {
    const times = 1 + random(3);
    repeated += times - 1;
    return Array.from({ length: times }, () => value);
  };

  /** From where the client is, after what it knows already; sometimes only a part of it, and then the connection is lost. */
  async function tell(attempt: Try, after: string | null, clientAt: () => string | null): Promise<void> {
    if (after === null) attempt.tell(tellingsOf([{ snapshot: [], at: 1 }], world), NOTHING);
    const done =
      after === null
        ? 0
        : (Array.from({ length: commits.length + 1 }, (_, index) => index).find(
            (index) => cursorAfter(index) === after,
          ) ?? 0);
    const old = commits.slice(Math.max(0, done - random(4)), done).toSorted(() => random(3) - 1);
    repeated += old.length;
    attempt.tell(old.flatMap(framesOf), NOTHING);
    for (const [index, commit] of commits.slice(done).entries()) {
      const said = again(framesOf(commit)).flatMap((list) => list.flatMap(again));
      const isCut = random(12) === 0;
      attempt.tell(isCut ? said.slice(0, random(said.length)) : said, NOTHING);
      if (random(3) === 0 && !isCut)
        await until('it was applied', () => clientAt() === cursorAfter(done + index + 1), 10_000);
      if (!isCut) continue;
      cuts += 1;
      return attempt.cut();
    }
  }

  return { tell, cursorAfter, counts: () => ({ repeated, cuts }) };
}

async function nextTry(server: FakeServer, clock: VirtualClock): Promise<Try> {
  const began = Date.now();
  for (;;) {
    for (let turn = 0; turn < 50 && server.tries.length === 0; turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 1));
    const attempt = server.tries.shift();
    if (attempt !== undefined) return attempt;
    if (Date.now() - began > 20_000) throw new Error('the client does not come back');
    clock.advanceTo(clock.nextDue() ?? clock.now());
  }
}
