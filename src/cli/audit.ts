import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { checkNext, finishChain, startChain } from './audit-chain.ts';
import type { AuditFault, ChainEnd, ChainWalk } from './audit-chain.ts';
import { auditPages } from './audit-events.ts';
import type { AuditPage } from './audit-events.ts';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { graphqlClient } from './graphql-client.ts';

/** What `--json` lists; as text they are all printed as they are found. */
const FAULTS_LISTED_MAX = 10_000;

const HELP = `
Walks the log from its newest event to its first and recomputes every hash here: the server is not trusted with the result.
An edited, missing, inserted or reordered event breaks the chain. That the newest events were cut off shows only against a
checkpoint: keep the head that a verification reports somewhere else, and give it to the next one.`;

interface AuditOptions {
  readonly fromSeq: number;
  readonly checkpoint?: ChainEnd;
  readonly json?: boolean;
}

interface Verdict {
  readonly walk: ChainWalk;
  readonly faultCount: number;
  readonly faults: readonly AuditFault[];
}

export function registerAudit(program: Command): void {
  program
    .command('audit')
    .description('the audit trail')
    .command('verify')
    .description("verify the hash chain of the workspace's audit trail")
    .addOption(
      new Option('--from-seq <seq>', 'the oldest event to look at')
        .argParser(parseSeq)
        .default(1, 'the whole log'),
    )
    .option(
      '--checkpoint <seq:hash>',
      'an event that must be there, as an earlier verification reported it',
      parseCheckpoint,
    )
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await verify(command.optsWithGlobals());
    });
}

async function verify(options: AuditOptions & Record<string, unknown>): Promise<number> {
  const { fromSeq, checkpoint = null, json = false } = options;
  if (checkpoint !== null && checkpoint.seq < fromSeq) {
    throw new CliError(
      EXIT_CODE.USAGE,
      `--checkpoint ${checkpoint.seq} is older than --from-seq ${fromSeq}: it would not be looked at`,
    );
  }
  const onFault = (fault: AuditFault): void => {
    if (!json) process.stdout.write(`event ${fault.seq}: ${fault.kind}: ${fault.message}\n`);
  };
  const pages = auditPages(graphqlClient(parseConnection(options)));
  const verdict = await walkLog(pages, { fromSeq, checkpoint, onFault });
  process.stdout.write(`${json ? verdictJson(verdict) : verdictText(verdict)}\n`);
  return verdict.faultCount === 0 ? EXIT_CODE.DONE : EXIT_CODE.FAULTS;
}

async function walkLog(
  pages: AsyncIterable<AuditPage>,
  asked: { fromSeq: number; checkpoint: ChainEnd | null; onFault: (fault: AuditFault) => void },
): Promise<Verdict> {
  const faults: AuditFault[] = [];
  let faultCount = 0;
  const record = (found: readonly AuditFault[]): void => {
    for (const fault of found) {
      faultCount += 1;
      if (faults.length < FAULTS_LISTED_MAX) faults.push(fault);
      asked.onFault(fault);
    }
  };
  let walk: ChainWalk | null = null;
  for await (const { workspaceId, events } of pages) {
    walk ??= startChain({ ...asked, workspaceId });
    const wanted = events.filter(({ seq }) => seq >= asked.fromSeq);
    for (const event of wanted) {
      const step = checkNext(walk, event);
      walk = step.walk;
      record(step.faults);
    }
    if (wanted.length < events.length) break;
  }
  if (walk === null) throw new Error('the audit trail has no first page');
  record(finishChain(walk));
  return { walk, faultCount, faults };
}

function verdictJson({ walk: { verified, head, expectation }, faultCount, faults }: Verdict): string {
  const { workspaceId, fromSeq } = expectation;
  return JSON.stringify({ ok: faultCount === 0, workspaceId, verified, fromSeq, head, faultCount, faults });
}

function verdictText({ walk: { verified, head }, faultCount }: Verdict): string {
  const end = head === null ? 'there is no head' : `head ${head.seq}:${head.hash}`;
  const result = faultCount === 0 ? 'the chain holds' : `THE CHAIN IS BROKEN: ${faultCount} faults`;
  return `${result}\n${verified} events looked at, ${end}`;
}

function parseSeq(text: string): number {
  const seq = Number(text);
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(seq)) return seq;
  throw new InvalidArgumentError('Write the number of an event: 1, 2, 3 ...');
}

function parseCheckpoint(text: string): ChainEnd {
  const [, seq, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new InvalidArgumentError(
    'Write <seq>:<hash> as a verification reports its head, such as 1204:9f86d0...',
  );
}
