import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { checkNext, finishChain, startChain } from './audit-chain.ts';
import type { AuditFault, ChainEnd, ChainExpectation } from './audit-chain.ts';
import { believe, readCheckpoints } from './audit-checkpoints.ts';
import { auditPages } from './audit-events.ts';
import { innerId } from './audit-fields.ts';
import { ForwardWalk } from './audit-forward.ts';
import { auditLines } from './audit-lines.ts';
import type { ExportedLine } from './audit-lines.ts';
import { LastMoves, readServed } from './audit-pointers.ts';
import { openExport } from './audit-stream.ts';
import { Verdict } from './audit-verdict.ts';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { graphqlClient } from './graphql-client.ts';
import type { Request } from './graphql-client.ts';
import { startProgress } from './progress.ts';

export interface VerifyOptions extends Record<string, unknown> {
  readonly fromSeq: number;
  readonly checkpoint?: ChainEnd;
  readonly checkpoints?: string;
  readonly publicKey?: string;
  readonly file?: string;
  readonly json?: boolean;
}

/** What is expected of the log of a workspace, once it is known which; what is wrong with the expectation itself. */
type Expect = (workspaceId: string) => {
  readonly expectation: ChainExpectation;
  readonly faults: readonly AuditFault[];
};

/** @returns the exit code. @throws CliError */
export async function verifyAudit(options: VerifyOptions): Promise<number> {
  const expect = await expectationOf(options);
  const verdict = new Verdict(options.json === true);
  if (options.file !== undefined) await verifyFile(options.file, expect, verdict);
  else await verifyServer(parseConnection(options), options.fromSeq, expect, verdict);
  verdict.print();
  return verdict.isClean ? EXIT_CODE.DONE : EXIT_CODE.FAULTS;
}

async function expectationOf({
  fromSeq,
  checkpoint,
  checkpoints,
  publicKey,
}: VerifyOptions): Promise<Expect> {
  if (checkpoint !== undefined && checkpoint.seq < fromSeq) {
    throw new CliError(
      EXIT_CODE.USAGE,
      `--checkpoint ${checkpoint.seq} is older than --from-seq ${fromSeq}: it would not be looked at`,
    );
  }
  if ((checkpoints === undefined) !== (publicKey === undefined)) {
    throw new CliError(
      EXIT_CODE.USAGE,
      '--checkpoints and --public-key need each other: a signature is worth what the key is',
    );
  }
  const file =
    checkpoints === undefined || publicKey === undefined
      ? null
      : await readCheckpoints(checkpoints, publicKey);
  return (workspaceId) => {
    const believed = file === null ? null : believe(file, workspaceId);
    const known = believed?.checkpoints ?? new Map<number, string[]>();
    if (checkpoint !== undefined) {
      known.set(checkpoint.seq, [...(known.get(checkpoint.seq) ?? []), checkpoint.hash]);
    }
    return { expectation: { workspaceId, fromSeq, checkpoints: known }, faults: believed?.faults ?? [] };
  };
}

async function verifyFile(path: string, expect: Expect, verdict: Verdict): Promise<void> {
  const chunks = createReadStream(path) as AsyncIterable<Buffer>;
  let walk: ForwardWalk | null = null;
  let workspaceId = '';
  try {
    for await (const line of auditLines(chunks, path)) {
      if (walk === null) {
        ({ workspaceId } = line);
        walk = begin(expect, workspaceId, verdict);
      }
      if (line.event.seq >= verdict.fromSeq) verdict.record(walk.next(line.event));
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT_CODE.USAGE, `${path} cannot be read: ${String(error)}`);
  }
  if (walk === null) throw new CliError(EXIT_CODE.USAGE, `${path} holds no event`);
  verdict.record(walk.finish());
  verdict.finish(walk);
}

function begin(expect: Expect, workspaceId: string, verdict: Verdict): ForwardWalk {
  const { expectation, faults } = expect(workspaceId);
  verdict.begin(expectation);
  verdict.record(faults);
  return new ForwardWalk(expectation);
}

async function verifyServer(
  connection: Connection,
  fromSeq: number,
  expect: Expect,
  verdict: Verdict,
): Promise<void> {
  const request = graphqlClient(connection);
  const stream = await openExport(connection, { after: fromSeq - 1 });
  if (stream === null) return verifyPages(request, expect, verdict);
  const workspaceId = await readWorkspaceId(request);
  const walk = begin(expect, workspaceId, verdict);
  const moves = new LastMoves();
  const progress = startProgress(Math.max(0, stream.head - fromSeq + 1), 'events');
  const look = (line: ExportedLine): void => {
    verdict.record(walk.next(line.event));
    moves.record(line);
  };
  try {
    for await (const line of auditLines(stream.chunks, 'the export')) {
      look(line);
      progress.advance(1);
    }
  } finally {
    progress.stop();
  }
  // The last promotion of a pointer may lie before what was looked at.
  if (fromSeq === 1) await verifyPointers({ connection, request, moves, look, walk, verdict });
  verdict.record(walk.finish(stream.head));
  verdict.finish(walk);
}

interface PointerCheck {
  readonly connection: Connection;
  readonly request: Request;
  readonly moves: LastMoves;
  readonly look: (line: ExportedLine) => void;
  readonly walk: ForwardWalk;
  readonly verdict: Verdict;
}

/** What is served is read page by page while others promote: the log is read on afterwards, and each state in between is right. */
async function verifyPointers({
  connection,
  request,
  moves,
  look,
  walk,
  verdict,
}: PointerCheck): Promise<void> {
  const served = await readServed(request);
  moves.keepEarlier();
  const rest = await openExport(connection, { after: walk.head?.seq ?? 0 });
  if (rest !== null) for await (const line of auditLines(rest.chunks, 'the export')) look(line);
  verdict.record(moves.compare(served));
  verdict.pointers = served.length;
}

/** A server that has no export yet: newest first, a hundred at a time, without its channels. */
async function verifyPages(request: Request, expect: Expect, verdict: Verdict): Promise<void> {
  let walk: ReturnType<typeof startChain> | null = null;
  for await (const { workspaceId, events } of auditPages(request)) {
    if (walk === null) {
      const { expectation, faults } = expect(workspaceId);
      verdict.begin(expectation);
      verdict.record(faults);
      walk = startChain(expectation);
    }
    const wanted = events.filter(({ seq }) => seq >= verdict.fromSeq);
    for (const event of wanted) {
      const step = checkNext(walk, event);
      walk = step.walk;
      verdict.record(step.faults);
    }
    if (wanted.length < events.length) break;
  }
  if (walk === null) throw new Error('the audit trail has no first page');
  verdict.record(finishChain(walk));
  verdict.finish(walk);
}

async function readWorkspaceId(request: Request): Promise<string> {
  const answer = z
    .object({ workspace: z.object({ id: z.string() }) })
    .safeParse(await request('query { workspace { id } }', {}));
  const id = answer.success ? innerId('Workspace', answer.data.workspace.id) : null;
  if (id === null) throw new CliError(EXIT_CODE.REFUSED, 'the server does not say which workspace this is');
  return id;
}
