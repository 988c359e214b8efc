import { readFile } from 'node:fs/promises';
import {
  askFor,
  askUntil,
  attack,
  FRAME_ATTACKS,
  frameAttack,
  halfOpenUpgrade,
  SLOW_ATTACKS,
  slowRead,
} from './abusers.ts';
import type { Abuser, Attack, Normal } from './abusers.ts';
import { until } from './harness.ts';
import { onStage } from './stage.ts';
import type { Node, RowOptions, RowResult } from './stage.ts';

const PATH = '/v1/prompts/a?_version=latest';
const MEGABYTE = 1024 * 1024;
/** What is promised: docs/reliability.md. */
const FAILED_MAX = 0.001;
const SLOWER_MAX = 2;
const CLOSED_MS_MAX = 5_000;
const GROWTH_MB_MAX = 64;
/** As slowhttptest opens them: 50 a second. */
const OPENED_MAX = 10;
const OPENING_MS = 200;
/** On a machine that is busy with other work a p99 of a few milliseconds doubles by itself. */
const LENIENT_MS = 1_500;
const LENIENT_FAILED_MAX = 0.01;

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

function harmOf(baseline: Normal, beside: Normal, { lenient = false }: RowOptions): string[] {
  const findings: string[] = [];
  if (beside.failed > beside.asked * (lenient ? LENIENT_FAILED_MAX : FAILED_MAX))
    findings.push(`${beside.failed} of ${beside.asked} normal requests failed: ${beside.reasons.join(', ')}`);
  const most = baseline.p99Ms * SLOWER_MAX + (lenient ? LENIENT_MS : 0);
  if (beside.p99Ms > most)
    findings.push(`p99 was ${baseline.p99Ms} ms, and ${beside.p99Ms} ms beside the attack`);
  return findings;
}

/** Row 50: 1,000 connections with slow heads, slow bodies and slow reads, opened anew when they are cut, for `faults` seconds. */
export async function slowConnections(options: RowOptions): Promise<RowResult> {
  return onStage('row50', options, async (stage) => {
    const node = await stage.startNode();
    const count = options.lenient === true ? 150 : 1_000;
    await askFor(node.url, PATH, 3_000);
    const baseline = await askFor(node.url, PATH, Math.min(30, options.faults) * 1_000);
    const attacks = [...Object.values(SLOW_ATTACKS), await slowRead(node.url)];
    const held: (Abuser | undefined)[] = Array.from({ length: count });
    const lived: number[] = [];
    let opened = 0;
    const hold = () => {
      const most = opened + OPENED_MAX;
      for (const [place, abuser] of held.entries()) {
        if (opened >= most) return;
        const closedAfterMs = abuser?.closedAfterMs();
        if (closedAfterMs === null) continue;
        if (closedAfterMs !== undefined) lived.push(closedAfterMs);
        abuser?.destroy();
        held[place] = attack(node.url, attacks[place % attacks.length] as Attack);
        opened += 1;
      }
    };
    const holding = setInterval(hold, OPENING_MS);
    stage.atEnd(() => {
      clearInterval(holding);
      for (const abuser of held) abuser?.destroy();
    });
    await until('all are open', () => opened >= count);
    const { result: beside, grownMB } = await growthWhile(node, () =>
      askFor(node.url, PATH, options.faults * 1_000),
    );
    clearInterval(holding);
    return {
      faults: opened,
      figures: {
        held: count,
        asked: beside.asked,
        failed: beside.failed,
        p99BeforeMs: baseline.p99Ms,
        p99Ms: beside.p99Ms,
        cut: lived.length,
        slowestCutMs: Math.round(Math.max(0, ...lived)),
        grownMB,
      },
      findings: harmOf(baseline, beside, options),
    };
  });
}

/** Row 51: every offence by frames `faults` times over, and 200 times as many upgrades that are never used. */
export async function frameAbuse(options: RowOptions): Promise<RowResult> {
  return onStage('row51', options, async (stage) => {
    const node = await stage.startNode();
    const follower = stage.follow({ url: () => node.url });
    await until('the follower hears', () => follower.seq() > 0);
    const baseline = await askFor(node.url, PATH, 10_000);
    const kinds = Object.entries(FRAME_ATTACKS).map(([name, frames]) => [name, frameAttack(frames)] as const);
    const findings: string[] = [];
    const slowest: Record<string, number> = {};
    const judged: Record<string, number> = {};
    const strike = async (name: string, begin: Attack, count: number) => {
      const abusers = Array.from({ length: count }, () => attack(node.url, begin));
      stage.atEnd(() => abusers.forEach((abuser) => abuser.destroy()));
      await until(
        'all are closed',
        () => abusers.every((each) => each.closedAfterMs() !== null),
        15_000,
      ).catch(() => undefined);
      const times = abusers.map((each) => each.closedAfterMs() ?? Number.POSITIVE_INFINITY);
      judged[name] = Math.round(
        Math.max(judged[name] ?? 0, options.lenient === true ? Math.min(...times) : Math.max(...times)),
      );
      slowest[name] = Math.max(slowest[name] ?? 0, Math.round(Math.max(...times)));
      for (const abuser of abusers) abuser.destroy();
    };
    const { result: beside, grownMB } = await growthWhile(node, async () => {
      let isOver = false;
      const asking = askUntil(node.url, PATH, () => isOver);
      for (const [name, begin] of kinds) await strike(`${name}Ms`, begin, options.faults);
      for (let left = options.faults * 200; left > 0; left -= 1_000)
        await strike('halfOpenUpgradeMs', halfOpenUpgrade, Math.min(1_000, left));
      isOver = true;
      return asking;
    });
    for (const [name, ms] of Object.entries(judged))
      if (ms > CLOSED_MS_MAX) findings.push(`${name}: ${ms} ms until it was closed`);
    if (grownMB > GROWTH_MB_MAX) findings.push(`the node grew by ${grownMB} MB`);
    return {
      faults: options.faults * (kinds.length + 200),
      figures: {
        ...slowest,
        grownMB,
        asked: beside.asked,
        failed: beside.failed,
        p99BeforeMs: baseline.p99Ms,
        p99Ms: beside.p99Ms,
      },
      findings: [...findings, ...harmOf(baseline, beside, options)],
    };
  });
}
