import type { Command } from 'commander';
import { EXIT_CODE } from './exit-codes.ts';
import type { DiffVersionsQuery } from './generated/operations.ts';
import { ask, refusalOf, serverOf } from './graph.ts';
import { unknownPrompt } from './near-names.ts';
import { harmless, isTerminal, paint, print, printJson } from './output.ts';
import { numberOf, parseRange, refText } from './version-ref.ts';

const DIFF_VERSIONS = /* GraphQL */ `
  query DiffVersions($slug: String!, $from: Int!, $to: Int!) {
    prompt(slug: $slug) {
      version(number: $to) {
        contentHash
        diff(against: $from) {
          unified
          added
          removed
          tooDifferent
          configChanged
          variablesAdded
          variablesRemoved
        }
      }
    }
  }
`;

const HELP = `
A and B are numbers of versions or names of channels: 3..5, stable..latest (which is what is compared without a range), canary..7.
Like diff(1) it ends with 0 when there is no difference, and with 1 when there is one. The first line says what changed besides the text.`;

type Version = NonNullable<NonNullable<DiffVersionsQuery['prompt']>['version']>;
/** What changed from one version to another, as the graph answers it. */
export type Changes = Version['diff'];

export function registerDiff(program: Command): void {
  program
    .command('diff')
    .description('show what changed from one version of a prompt to another')
    .argument('<slug>', 'which prompt')
    .argument('[range]', 'which two versions', 'stable..latest')
    .addHelpText('after', HELP)
    .action(async (slug: string, range: string, _options: unknown, command: Command) => {
      process.exitCode = await diff(slug, range, command);
    });
}

async function diff(slug: string, range: string, command: Command): Promise<number> {
  const refs = parseRange(range);
  const request = serverOf(command);
  const [from, to] = [await numberOf(request, slug, refs[0]), await numberOf(request, slug, refs[1])];
  const { prompt } = await ask<DiffVersionsQuery>(request, DIFF_VERSIONS, { slug, from, to });
  if (prompt === null) throw await unknownPrompt(request, slug);
  if (prompt.version === null) throw refusalOf({ message: `${slug} has no version ${to}` });
  const { diff: changes } = prompt.version;
  const isSame = from === to || isEmpty(changes);
  if (command.optsWithGlobals<{ json?: boolean }>().json === true) {
    printJson({ slug, from, to, differs: !isSame, ...changes });
  } else if (!isSame) {
    print(
      paint('bold', `${slug}: ${refText(refs[0], from)} -> ${refText(refs[1], to)}: ${changesText(changes)}`),
    );
    print(`\n${patchText(changes)}`);
  } else if (isTerminal()) {
    print(`${slug}: ${refText(refs[0], from)} and ${refText(refs[1], to)} hold the same\n`);
  }
  return isSame ? EXIT_CODE.DONE : EXIT_CODE.FAULTS;
}

function isEmpty({ unified, tooDifferent, configChanged }: Changes): boolean {
  return unified === '' && !tooDifferent && !configChanged;
}

/** In one line: how much, and what is not in the text. */
export function changesText(changes: Changes): string {
  const { added, removed, tooDifferent, configChanged, variablesAdded, variablesRemoved } = changes;
  return [
    tooDifferent ? 'too different to compare line by line' : `+${added} -${removed} lines`,
    variablesAdded.length === 0 ? '' : `variables added: ${variablesAdded.join(', ')}`,
    variablesRemoved.length === 0 ? '' : `variables removed: ${variablesRemoved.join(', ')}`,
    configChanged ? 'config changed' : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** The unified diff: coloured on a terminal, where nothing in it is obeyed; into a pipe byte for byte. */
export function patchText({ unified }: Pick<Changes, 'unified'>): string {
  if (!isTerminal()) return unified;
  return harmless(unified).replaceAll(/^.+$/gm, paintLine);
}

function paintLine(line: string): string {
  if (/^(---|\+\+\+) version /.test(line)) return paint('bold', line);
  if (line.startsWith('@@')) return paint('cyan', line);
  if (line.startsWith('+')) return paint('green', line);
  return line.startsWith('-') ? paint('red', line) : line;
}
