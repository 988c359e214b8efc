// Writes docs/cli.md from the parser, or, with --check, fails when the committed file is not what the parser says.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { commandTree, withCommandsBelow } from '../src/cli/command-tree.ts';
import type { ArgumentFacts, CommandFacts, OptionFacts } from '../src/cli/command-tree.ts';
import { exitCodeHelp, exitCodeMeanings } from '../src/cli/exit-codes.ts';
import { createProgram } from '../src/cli/program.ts';

const file = join(import.meta.dirname, '..', 'docs', 'cli.md');
const printed = document(createProgram());
if (!process.argv.includes('--check')) {
  writeFileSync(file, printed);
} else if (readFileSync(file, 'utf8') !== printed) {
  console.error('docs/cli.md is stale: run npm run docs:cli');
  process.exit(1);
}

function document(program: Command): string {
  const tree = commandTree(program);
  const commands = withCommandsBelow(tree).filter(({ commands: below }) => below.length === 0);
  return `# The command line

<!-- Made by \`npm run docs:cli\` from the parser: change the commands in src/cli, not this file. -->

\`npx promptforge <command>\`, or \`promptforge\` where the package is installed. \`promptforge <command> --help\` says the same. Results go to standard output, progress and
errors to standard error; with \`--json\` the result is JSON. \`promptforge completion bash|zsh|fish\` prints a script that completes all of it.

| command | |
|---|---|
${commands.map((command) => `| [\`${command.path.join(' ')}\`](#${anchor(command)}) | ${cell(command.description)} |`).join('\n')}

## Options of every command

${optionsTable(tree.options)}

What else \`serve\`, \`migrate\`, \`keys\`, \`backup\`, \`restore\` and \`doctor\` read from the environment stands in [operations.md](operations.md#configuration).

## Exit codes

| code | |
|---|---|
${exitCodeMeanings()
  .map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`)
  .join('\n')}

${commands.map((command) => section(command, find(program, command.path))).join('\n\n')}
`;
}

function section(command: CommandFacts, parsed: Command): string {
  const { path, usage, description, arguments: wanted, options } = command;
  const own = options.filter(({ names }) => !names.includes('--help'));
  const notes = notesOf(parsed);
  const parts = [
    `## ${path.join(' ')}`,
    sentence(description),
    `\`\`\`text\n${usage}\n\`\`\``,
    ...(wanted.length === 0 ? [] : [argumentsTable(wanted)]),
    ...(own.length === 0 ? [] : [optionsTable(own)]),
    ...(notes === '' ? [] : [`\`\`\`text\n${notes}\n\`\`\``]),
  ];
  return parts.join('\n\n');
}

function argumentsTable(wanted: readonly ArgumentFacts[]): string {
  const rows = wanted.map(({ name, description, isRequired, choices, default: value }) => {
    const further = [
      ...(choices.length === 0 ? [] : [choices.map((choice) => `\`${choice}\``).join(', ')]),
      ...(value === null ? [] : [`default: ${value}`]),
    ];
    return `| \`${name}\`${isRequired ? '' : ', optional'} | ${cell([description, ...further].filter(Boolean).join('; '))} |`;
  });
  return `| argument | what |\n|---|---|\n${rows.join('\n')}`;
}

function optionsTable(options: readonly OptionFacts[]): string {
  const rows = options.map(({ flags, description, isRequired, choices, default: value, variable }) => {
    const what = choices.length === 0 ? description : `${description}: ${choices.join(', ')}`;
    const standard = isRequired ? 'needed' : (value ?? '');
    return `| \`${flags.replaceAll('|', '\\|')}\` | ${cell(standard)} | ${variable === null ? '' : `\`${variable}\``} | ${cell(what)} |`;
  });
  return `| option | default | variable | what |\n|---|---|---|---|\n${rows.join('\n')}`;
}

/** What stands behind the help of this command alone. */
function notesOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (piece) => (text += piece) }).outputHelp();
  const help = command.helpInformation();
  return text
    .slice(text.indexOf(help) + help.length)
    .replace(exitCodeHelp(), '')
    .trim();
}

function find(program: Command, path: readonly string[]): Command {
  return path.reduce((command, name) => {
    const child = command.commands.find((candidate) => candidate.name() === name);
    if (child === undefined) throw new Error(`no command ${path.join(' ')}`);
    return child;
  }, program);
}

function anchor({ path }: CommandFacts): string {
  return path.join('-');
}

function sentence(text: string): string {
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;');
}
