import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { ChainEnd } from './audit-chain.ts';
import { exportAudit } from './audit-export.ts';
import { verifyAudit } from './audit-verify.ts';

const VERIFY_HELP = `
Recomputes every hash here: the server is not trusted with the result. An edited, missing, inserted or reordered event breaks the chain.
What each channel serves is compared with its last promotion in the log, and its content with the hash that was promoted.
That the newest events were cut off, or all of history was written anew, shows only against what is kept elsewhere: signed checkpoints
(--checkpoints with --public-key), or the head that an earlier verification reported (--checkpoint).`;

export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('the audit trail');
  audit
    .command('verify')
    .description(
      "verify the hash chain of the workspace's audit trail, its channels and its signed checkpoints",
    )
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
    .option(
      '--checkpoints <file>',
      'signed checkpoints, a line each, as the server wrote them; needs --public-key',
    )
    .option('--public-key <file>', 'the public key of the checkpoints (PEM), as you kept it')
    .option(
      '--file <file>',
      'an export to verify instead of a server: only its chain and checkpoints are looked at',
    )
    .addHelpText('after', VERIFY_HELP)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await verifyAudit(command.optsWithGlobals());
    });
  audit
    .command('export')
    .description('write the audit trail as JSON lines, oldest first')
    .option('--since <time>', 'not before, such as 2026-11-24T00:00:00Z')
    .option('--until <time>', 'before')
    .addOption(
      new Option('--after <seq>', 'the newest event that is there already, to go on with an earlier export')
        .argParser(parseSeq)
        .default(0, 'none'),
    )
    .option('--out <file>', 'a new file to write to instead of standard output')
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await exportAudit(command.optsWithGlobals());
    });
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
