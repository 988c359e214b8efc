import { afterEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/cli/audit-fields.ts';
import { auditLog, nodeId, WORKSPACE } from './audit-log.ts';
import { runCli } from './run-cli.ts';
import type { CliRun } from './run-cli.ts';
import { startWireServer } from './wire-server.ts';
import type { WireAnswer, WireRequest, WireServer } from './wire-server.ts';

let server: WireServer;
afterEach(() => server.close());

/** Pages through a log by sequence, as the API does. */
function page(log: readonly AuditEvent[], { variables }: WireRequest): WireAnswer {
  const after = Number(variables['after'] ?? Infinity);
  const rest = log.filter(({ seq }) => seq < after);
  const shown = rest.slice(0, Number(variables['first']));
  const pageInfo = { hasNextPage: rest.length > shown.length, endCursor: String(shown.at(-1)?.seq ?? '') };
  const edges = shown.map((node) => ({ cursor: String(node.seq), node }));
  return {
    body: { data: { workspace: { id: nodeId('Workspace', WORKSPACE) }, events: { edges, pageInfo } } },
  };
}

async function verify(
  answer: (request: WireRequest, count: number) => WireAnswer,
  ...args: string[]
): Promise<CliRun> {
  server = await startWireServer(answer);
  return runCli(['audit', 'verify', ...args], { PROMPTFORGE_URL: server.url, PROMPTFORGE_API_KEY: 'key' });
}

describe('promptforge audit verify', () => {
  const log = auditLog(230);
  const head = `230:${log[0]?.hash}`;

  it('walks all pages and reports the head', async () => {
    const run = await verify((request) => page(log, request));
    expect(run).toEqual({
      code: 0,
      stdout: `the chain holds\n230 events looked at, head ${head}\n`,
      stderr: '',
    });
    expect(server.requests.map(({ variables }) => variables)).toEqual([
      { first: 100, after: null },
      { first: 100, after: '131' },
      { first: 100, after: '31' },
    ]);
    expect(server.requests[0]).toMatchObject({ path: '/graphql', authorization: 'Bearer key' });
  });

  it('starts from what is the newest event at its start', async () => {
    const longer = auditLog(232);
    const { code, stdout } = await verify((request, count) => page(count === 1 ? log : longer, request));
    expect([code, stdout]).toEqual([0, expect.stringContaining(`head ${head}`)]);
  });

  it('reports every fault with its number and ends with 1', async () => {
    const broken = log
      .filter(({ seq }) => seq !== 131)
      .map((event) => (event.seq === 7 ? { ...event, type: 'X' } : event));
    const { code, stdout } = await verify((request) => page(broken, request));
    expect(code).toBe(1);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'event 131: MISSING: event 131 is missing: event 132 follows event 130',
      'event 7: EDITED: type: not what was hashed',
      'THE CHAIN IS BROKEN: 2 faults',
    ]);
  });

  it('gives one JSON object', async () => {
    const broken = log.map((event) => (event.seq === 7 ? { ...event, type: 'X' } : event));
    const { code, stdout } = await verify((request) => page(broken, request), '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      workspaceId: WORKSPACE,
      verified: 230,
      fromSeq: 1,
      head: { seq: 230, hash: log[0]?.hash },
      checkpoints: 0,
      pointers: null,
      faultCount: 1,
      faults: [{ seq: 7, kind: 'EDITED', message: 'type: not what was hashed' }],
    });
  });

  it('stops at --from-seq, without asking for older events', async () => {
    const { code, stdout } = await verify((request) => page(log, request), '--from-seq', '150');
    expect([code, stdout]).toEqual([0, expect.stringContaining('81 events looked at')]);
    expect(server.requests).toHaveLength(1);
  });

  it('misses the newest events when a checkpoint knows them', async () => {
    const shorter = auditLog(200);
    const { code, stdout } = await verify((request) => page(shorter, request), '--checkpoint', head);
    expect([code, stdout]).toEqual([1, expect.stringContaining('events 201 to 230 are missing')]);
  });

  it.each([
    ['--checkpoint', '12:nohash'],
    ['--from-seq', '0'],
  ])('takes %s %s for wrong usage', async (...args) => {
    const { code, stderr } = await verify(() => ({}), ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(args[0] ?? '')]);
    expect(server.requests).toEqual([]);
  });

  it.each<[string, unknown]>([
    [
      'another form',
      { data: { workspace: { id: nodeId('Workspace', WORKSPACE) }, events: { edges: [{}] } } },
    ],
    [
      'the id of something else',
      {
        data: {
          workspace: { id: 'x' },
          events: { edges: [], pageInfo: { hasNextPage: false, endCursor: null } },
        },
      },
    ],
    [
      'a page that leads to itself',
      {
        data: {
          workspace: { id: nodeId('Workspace', WORKSPACE) },
          events: { edges: [], pageInfo: { hasNextPage: true, endCursor: 'x' } },
        },
      },
    ],
  ])('does not go on with %s', async (_title, body) => {
    const { code, stderr, stdout } = await verify(() => ({ body }));
    expect([code, stdout, stderr]).toEqual([5, '', expect.stringContaining('audit trail has a form')]);
  });
});
