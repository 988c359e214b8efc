import { post, until } from './harness.ts';
import { openSocketSession } from './socket-session.ts';
import { onStage, tooLong } from './stage.ts';
import type { Node, RowOptions, RowResult, Stage } from './stage.ts';

const LISTENING_MS = 2_000;
const POLLING_MS = 6_000;
const OPENED_AT_ONCE = 50;
const ASKED_EVERY_MS = 50;

/** Row 43: a key with sockets on two nodes is revoked, while the nodes listen and while none of them can; `faults` sockets. */
export async function revokedKey(options: RowOptions): Promise<RowResult> {
  return onStage('row43', options, async (stage) => {
    const nodes = [await stage.startNode(), await stage.startNode()] as const;
    const listening = await revoke(stage, nodes, options.faults);
    const cutting = setInterval(() => void cutListeners(stage).catch(() => undefined), 100);
    stage.atEnd(() => clearInterval(cutting));
    const polling = await revoke(stage, nodes, options.faults);
    clearInterval(cutting);
    return {
      faults: 2,
      figures: {
        sockets: options.faults,
        closedMs: listening.closedMs,
        refusedMs: listening.refusedMs,
        closedWithoutListenMs: polling.closedMs,
        refusedWithoutListenMs: polling.refusedMs,
      },
      findings: [
        ...listening.findings,
        ...polling.findings,
        ...tooLong('closed', [listening.closedMs, listening.refusedMs], LISTENING_MS, options),
        ...tooLong('closed without LISTEN', [polling.closedMs, polling.refusedMs], POLLING_MS, options),
      ],
    };
  });
}

interface Revoked {
  /** When the last socket was closed, and when the last node refused a request, after the revocation was answered. */
  readonly closedMs: number;
  readonly refusedMs: number;
  readonly findings: readonly string[];
}

async function revoke(stage: Stage, nodes: readonly [Node, Node], sockets: number): Promise<Revoked> {
  const { id, key } = await newKey(nodes[0]);
  const ends: { how: string; at: number }[] = [];
  let hearing = 0;
  for (let opened = 0; opened < sockets; opened += OPENED_AT_ONCE) {
    const most = Math.min(sockets, opened + OPENED_AT_ONCE);
    for (let index = opened; index < most; index += 1)
      open(stage, nodes[index % 2]?.url ?? '', key, {
        onHearing: () => (hearing += 1),
        onEnd: (how) => ends.push({ how, at: Date.now() }),
      });
    await until('they hear', () => hearing >= most || ends.length > 0, 60_000);
    if (ends.length > 0) throw new Error(`a socket ended before its time: ${ends[0]?.how}`);
  }
  await post(nodes[0].url, `mutation { revokeApiKey(input: { id: "${id}" }) { __typename } }`);
  const revokedAt = Date.now();
  const refusals = nodes.map((node) => refusedAfter(node, key));
  await until('all are closed', () => ends.length === sockets, 30_000);
  const refused = await Promise.all(refusals);
  const wrong = ends.filter(({ how }) => !how.startsWith('4401'));
  return {
    closedMs: Math.max(...ends.map(({ at }) => at)) - revokedAt,
    refusedMs: Math.max(...refused) - revokedAt,
    findings: wrong.slice(0, 5).map(({ how }) => `a socket was closed with ${how}`),
  };
}

async function newKey({ url }: Node): Promise<{ id: string; key: string }> {
  const { data } = (await post(
    url,
    'mutation { createApiKey(input: { name: "row 43", role: VIEWER }) { ... on CreatedApiKey { key apiKey { id } } } }',
  )) as { data: { createApiKey: { key: string; apiKey: { id: string } } } };
  return { id: data.createApiKey.apiKey.id, key: data.createApiKey.key };
}

function open(
  stage: Stage,
  url: string,
  key: string,
  { onHearing, onEnd }: { readonly onHearing: () => void; readonly onEnd: (how: string) => void },
): void {
  let isHearing = false;
  const session = openSocketSession({
    url,
    key,
    follows: { channel: 'stable', prompts: null, mode: 'ALL' },
    after: null,
    bookmarks: true,
    onAlive: () => undefined,
    onFrame: () => {
      if (!isHearing) onHearing();
      isHearing = true;
    },
    onEnd,
  });
  stage.atEnd(() => session.cut());
}

async function refusedAfter({ url }: Node, key: string): Promise<number> {
  for (;;) {
    const { status } = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
    if (status === 401) return Date.now();
    await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY_MS));
  }
}

async function cutListeners(stage: Stage): Promise<void> {
  await stage.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'promptforge:feed'`,
  );
}
