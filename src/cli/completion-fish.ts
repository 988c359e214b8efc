import { withCommandsBelow } from './command-tree.ts';
import type { CommandFacts, OptionFacts } from './command-tree.ts';
import { candidates, FILES, quoted } from './completion-words.ts';

export function fishScript(name: string, tree: CommandFacts): string {
  const commands = withCommandsBelow(tree);
  const paths = commands.map(({ path }) => quoted(path.join(' '))).join(' ');
  const lines = commands.flatMap((command) => {
    const at = command === tree ? '' : ` -n "__${name}_at ${quoted(command.path.join(' '))}"`;
    return [
      ...command.commands.map(
        (child) =>
          `complete -c ${name} -n "__${name}_at ${quoted(command.path.join(' '))}" -a ${quoted(child.path.at(-1) ?? '')} -d ${quoted(firstLine(child.description))}`,
      ),
      ...command.options.map((option) => `complete -c ${name}${at} ${optionWords(option)}`),
      ...command.arguments
        .slice(0, 1)
        .map(
          (argument) => `complete -c ${name}${at} ${valueWords(candidates(argument.name, argument.choices))}`,
        ),
    ];
  });
  return `# Completion of ${name} for fish, made by: ${name} completion fish
function __${name}_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$at $word")
    if contains -- "$next" ${paths}
      set at $next
    end
  end
  test "$at" = "$argv[1]"
end

complete -c ${name} -f
${lines.map((line) => line.trimEnd()).join('\n')}
`;
}

function optionWords({ names, value, choices, description }: OptionFacts): string {
  const words = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const takes = value === null ? [] : ['-r', valueWords(candidates(value, choices))];
  return [...words, ...takes, `-d ${quoted(firstLine(description))}`].join(' ');
}

function valueWords(found: string): string {
  if (found === FILES) return '-F';
  return found === '' ? '-f' : `-f -a ${quoted(found)}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
