import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { FRAME_ATTACKS } from './abusers.ts';
import { startGang } from './gang-leader.ts';
import type { Gang } from './gang-leader.ts';
import { until } from './harness.ts';
import { askWhile, figuresOf, harmOf } from './normal-clients.ts';
import { slowhttptest } from './slowhttptest.ts';
import { onStage } from './stage.ts';
import type { Figures, Node, RowOptions, RowResult, Stage } from './stage.ts';

const MEGABYTE = 1024 * 1024;
/** What is promised: docs/reliability.md. */
const CLOSED_MS_MAX = 5_000;
const GROWTH_MB_MAX = 64;
const SLOW_MODES = ['slowHead', 'slowBody', 'slowRead'] as const;
const PATIENCE_MS = 15_000;
/** How fast the connections of an attack come. */
const PER_SECOND = 1_000;
const HALF_OPEN_EACH = 200;
/** Offences that are over at once are repeated for so long: a p99 wants requests. */
const WAVES_MS = 5_000;

/** In the short form a node has only just begun, and grows by its first work alone; answers that are kept for all would be many hundreds. */
const growthMaxOf = ({ lenient = false }: RowOptions) => (lenient ? 4 * GROWTH_MB_MAX : GROWTH_MB_MAX);

async function residentMegabytes({ pid }: Node): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round((Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024) / MEGABYTE);
}

/** The most that the node's memory grows while something goes on. */
async function growthWhile<T>(node: Node, run: () => Promise<T>): Promise<{ result: T; grownMB: number }> {
  const before = await residentMegabytes(node);
  let most = before;
  const looking = setInterval(() => {
    void residentMegabytes(node).then((now) => (most = Math.max(most, now)));
  }, 100);
  const result = await run().finally(() => clearInterval(looking));
  return { result, grownMB: most - before };
}

/** A node, those who do nothing wrong, what they see without an attack, and the abusers. */
async function setScene(stage: Stage, { faults, lenient = false }: RowOptions) {
  const node = await stage.startNode();
  const followers = (['ws', 'sse'] as const).map((transport) =>
    stage.follow({ url: () => node.url, transport }),
  );
  await until('the followers hear', () => followers.every((follower) => follower.seq() > 0));
  const gang = startGang();
  stage.atEnd(() => gang.stop());
  // What is compiled and cached once is no matter of the attack.
  await askWhile(stage, node, () => sleep(lenient ? 1_000 : 5_000));
  const { normal: before } = await askWhile(stage, node, () =>
    sleep(lenient ? 1_000 : Math.min(20, faults) * 1_000),
  );
  const isCut = () => followers.some((follower) => follower.connects() > 1);
  const judgeFollowers = () => (isCut() ? ['a subscriber that did nothing wrong was cut'] : []);
  return { node, gang, before, judgeFollowers };
}

/** Row 50: 1,000 connections with slow heads, then slow bodies, then slow reads, opened anew when they are cut, each for `faults` seconds. */
export async function slowConnections(options: RowOptions): Promise<RowResult> {
  return onStage('row50', options, async (stage) => {
    const { node, gang, before, judgeFollowers } = await setScene(stage, options);
    const count = options.lenient === true ? 300 : 1_000;
    const findings: string[] = [];
    const figures: Record<string, Figures[string]> = { held: count, ...figuresOf('before', before) };
    let opened = 0;
    for (const mode of SLOW_MODES) {
      const { result, grownMB } = await growthWhile(node, () =>
        askWhile(stage, node, () => holdFor(options, { gang, node, mode, count })),
      );
      Object.assign(figures, figuresOf(mode, result.normal), result.result, { [`${mode}GrownMB`]: grownMB });
      opened += Number(result.result[`${mode}Opened`] ?? count);
      findings.push(...harmOf(before, result.normal, options).map((harm) => `${mode}: ${harm}`));
      if (grownMB > growthMaxOf(options)) findings.push(`${mode}: the node grew by ${grownMB} MB`);
    }
    return { faults: opened, figures, findings: [...findings, ...judgeFollowers()] };
  });
}

interface Holding {
  readonly gang: Gang;
  readonly node: Node;
  readonly mode: (typeof SLOW_MODES)[number];
  readonly count: number;
}

async function holdFor(
  { faults: seconds, tool }: RowOptions,
  { gang, node: { url }, mode, count }: Holding,
): Promise<Figures> {
  if (tool !== undefined) {
    const report = await slowhttptest(mode, { url, count, seconds });
    // Between the name and the value stand the codes of colours.
    const isAvailable = /.*service available:.*(YES|NO)/s.exec(report)?.[1];
    return { [`${mode}ServiceAvailable`]: isAvailable ?? '?' };
  }
  await gang.hold({ url, attack: mode, count, perSecond: PER_SECOND });
  await sleep(seconds * 1_000);
  const { opened, cut, slowestCutMs } = await gang.release();
  return { [`${mode}Opened`]: opened, [`${mode}Cut`]: cut, [`${mode}SlowestCutMs`]: slowestCutMs };
}

/** Row 51: every offence by frames `faults` times over, and 200 times as many upgrades that are never used. */
export async function frameAbuse(options: RowOptions): Promise<RowResult> {
  return onStage('row51', options, async (stage) => {
    const { node, gang, before, judgeFollowers } = await setScene(stage, options);
    const findings: string[] = [];
    const figures: Record<string, Figures[string]> = figuresOf('before', before);
    const kinds = Object.keys(FRAME_ATTACKS).map((attack) => ({ attack, count: options.faults }));
    const waves = [...kinds, { attack: 'halfOpenUpgrade', count: options.faults * HALF_OPEN_EACH }];
    const strike = async ({ attack, count }: (typeof waves)[number]) => {
      const lived = await gang.strike({ url: node.url, attack, count, perSecond: PER_SECOND }, PATIENCE_MS);
      const closedMs = options.lenient === true ? Math.min(...lived) : Math.max(...lived);
      const name = `${attack}ClosedMs`;
      figures[name] = Math.max(Number(figures[name] ?? 0), ...lived);
      if (closedMs > CLOSED_MS_MAX) findings.push(`${attack}: ${closedMs} ms until it was closed`);
    };
    const play = async (name: string, some: readonly (typeof waves)[number][]) => {
      const { normal } = await askWhile(stage, node, async () => {
        const end = performance.now() + (options.lenient === true ? 0 : WAVES_MS);
        do await Promise.all(some.map(strike));
        while (performance.now() < end);
      });
      Object.assign(figures, figuresOf(name, normal));
      findings.push(...harmOf(before, normal, options).map((harm) => `${name}: ${harm}`));
    };
    const { grownMB } = await growthWhile(node, async () => {
      // One after the other tells which of them harms; in the short form there is no time for that.
      if (options.lenient === true) await play('all', waves);
      else for (const wave of waves) await play(wave.attack, [wave]);
    });
    if (grownMB > growthMaxOf(options)) findings.push(`the node grew by ${grownMB} MB`);
    return {
      faults: waves.reduce((sum, { count }) => sum + count, 0),
      figures: { ...figures, grownMB },
      findings: [...findings, ...judgeFollowers()],
    };
  });
}
