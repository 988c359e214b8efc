import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { graphqlClient } from './graphql-client.ts';
import { importBatches } from './import-batches.ts';
import { faultText, summaryText } from './import-report.ts';
import type { ImportSummary } from './import-report.ts';
import { sendBatch } from './import-send.ts';
import type { ImportTally } from './import-send.ts';
import { surveyImport } from './import-survey.ts';
import type { LineFault, Survey } from './import-survey.ts';
import { startProgress } from './progress.ts';

/** What `--json` lists; whoever has more of them mends the file's source, not its lines. */
const FAULTS_LISTED_MAX = 1_000;

const HELP = `
Each line of the file is one version, oldest first within a prompt:
  {"slug": "support/assistant", "committedAt": "2026-01-31T12:00:00Z", "message": "why", "template": "Hello {{name}}"}
CHAT prompts have "messages": [{"role": "SYSTEM", "content": "..."}] in place of "template"; "config" and "variables" may follow.
"message" may be missing. A version is known by its slug and committedAt: importing a file again adds nothing, nor does what export wrote here.
The whole file is checked before anything is sent. A prompt with a line that is refused is left out whole; the others go in.
A prompt of more than 100 versions takes several calls: when one of them does not go through, the prompt is reported as partly imported.`;

interface ImportOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Job {
  readonly file: FileHandle;
  readonly survey: Survey;
  readonly tally: ImportTally;
  readonly onFault: (fault: LineFault) => void;
}

export function registerImport(program: Command): void {
  program
    .command('import')
    .description('take in the history of prompts from a JSONL file, with its own dates (needs an admin key)')
    .argument('<file.jsonl>', 'one version a line')
    .option('--dry-run', 'check the file only; the server is not asked')
    .addHelpText('after', HELP)
    .action(async (path: string, _options: unknown, command: Command) => {
      process.exitCode = await runImport(path, command.optsWithGlobals());
    });
}

async function runImport(path: string, options: ImportOptions & Record<string, unknown>): Promise<number> {
  const { dryRun = false, json = false } = options;
  const connection = parseConnection(options);
  const faults: LineFault[] = [];
  let linesRefused = 0;
  const onFault = (fault: LineFault): void => {
    linesRefused += 1;
    if (faults.length < FAULTS_LISTED_MAX) faults.push(fault);
    // On a terminal the line may hold a progress bar.
    if (!json) process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${faultText(fault)}\n`);
  };
  const tally: ImportTally = { created: 0, skipped: 0, refused: new Set(), sent: new Map() };
  const file = await openFile(path);
  try {
    const survey = await surveyImport(file.createReadStream({ start: 0, autoClose: false }), onFault);
    const job = { file, survey, tally, onFault };
    const failure = dryRun ? null : await send(job, connection);
    const counted = { linesRefused, faults };
    report(json, { ...summarize(job, dryRun), ...counted, complete: failure === null });
    if (failure !== null) throw failure;
    return linesRefused === 0 ? EXIT_CODE.DONE : EXIT_CODE.FAULTS;
  } finally {
    await file.close();
  }
}

/** Sends everything that is good. @returns what stopped it early; what was done until then stands. */
async function send(job: Job, connection: ReturnType<typeof parseConnection>): Promise<CliError | null> {
  const good = [...job.survey.prompts.values()].filter(({ faulty }) => !faulty);
  const sending = { ...job, request: graphqlClient(connection) };
  const progress = startProgress(good.reduce((sum, { versions }) => sum + versions, 0));
  try {
    for (const batch of importBatches(good)) {
      await sendBatch(sending, batch);
      progress.advance(batch.length);
    }
    return null;
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  } finally {
    progress.stop();
  }
}

function summarize(
  { survey, tally }: Job,
  dryRun: boolean,
): Omit<ImportSummary, 'complete' | 'faults' | 'linesRefused'> {
  const prompts = [...survey.prompts.values()].map(({ slug, versions, faulty }) => {
    const sent = dryRun ? versions : (tally.sent.get(slug) ?? 0);
    return { slug, versions, versionsIn: faulty ? 0 : sent, isOut: faulty || tally.refused.has(slug) };
  });
  const partly = prompts.filter(({ versions, versionsIn }) => versionsIn > 0 && versionsIn < versions);
  const out = prompts.filter(({ isOut, versionsIn }) => isOut && versionsIn === 0);
  return {
    dryRun,
    prompts: prompts.filter(({ isOut, versions, versionsIn }) => !isOut && versionsIn === versions).length,
    versionsCreated: tally.created,
    versionsSkipped: tally.skipped + survey.repeated,
    promptsLeftOut: out.map(({ slug }) => slug),
    versionsLeftOut: out.reduce((sum, { versions }) => sum + versions, 0),
    promptsPartlyImported: partly.map(({ slug, versions, versionsIn }) => ({
      slug,
      versionsIn,
      versionsOut: versions - versionsIn,
    })),
  };
}

function report(json: boolean, summary: ImportSummary): void {
  process.stdout.write(`${json ? JSON.stringify(summary) : summaryText(summary)}\n`);
}

/** Opens a file that can be read twice: it is checked whole before anything is sent. */
async function openFile(path: string): Promise<FileHandle> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT_CODE.USAGE, `${path} cannot be read (${error.code ?? error.message})`);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new CliError(
    EXIT_CODE.USAGE,
    `${path} is no regular file: the file is read twice, so write a pipe to a file first`,
  );
}
