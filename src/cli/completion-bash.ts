import { withCommandsBelow } from './command-tree.ts';
import type { CommandFacts } from './command-tree.ts';
import { candidates, FILES, namesOf, quoted } from './completion-words.ts';

/** Plain words instead of arrays: zsh, which runs this too, counts those from 1. */
export function bashScript(name: string, tree: CommandFacts): string {
  const commands = withCommandsBelow(tree);
  return `# Completion of ${name} for bash, made by: ${name} completion bash
_${name}_words() {
  case "$1" in
${commands.map((command) => wordsLine(command, tree)).join('\n')}
    *) return 1 ;;
  esac
}

# Of an option of a command: 0 when it takes a value, and what completes that.
_${name}_value() {
  case "$1" in
${commands.flatMap(valueLines).join('\n')}
    *) return 1 ;;
  esac
}

_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" at='' open='' i word wanted commands options arguments value
  COMPREPLY=()
  _${name}_words ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [ "$word" = '=' ]; then continue; fi
    if [ -n "$open" ]; then open=''; continue; fi
    if _${name}_value "$at $word" || _${name}_value " $word"; then open="$word"; continue; fi
    case "$word" in -*) continue ;; esac
    if _${name}_words "\${at:+$at }$word"; then at="\${at:+$at }$word"; fi
  done
  if [ "$cur" = '=' ]; then cur=''; fi
  if [ -n "$open" ]; then
    wanted="$value"
  else
    case "$cur" in
      -*) wanted="$options" ;;
      *) wanted="\${commands:-$arguments}" ;;
    esac
  fi
  if [ "$wanted" = '${FILES}' ]; then
    # For directories and blanks in names; bash 3 and zsh do without.
    if type compopt > /dev/null 2>&1; then compopt -o filenames 2> /dev/null; fi
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$wanted" -- "$cur"))
  fi
}

complete -F _${name} ${name}
`;
}

function wordsLine(command: CommandFacts, tree: CommandFacts): string {
  const { path, commands, options, arguments: wanted } = command;
  const [argument] = wanted;
  const below = commands.map((child) => child.path.at(-1)).join(' ');
  const names = namesOf([...options, ...(command === tree ? [] : tree.options)]).join(' ');
  const values = argument === undefined ? '' : candidates(argument.name, argument.choices);
  return `    ${quoted(path.join(' '))}) commands=${quoted(below)} options=${quoted(names)} arguments=${quoted(values)} ;;`;
}

function valueLines({ path, options }: CommandFacts): string[] {
  return options.flatMap(({ names, value, choices }) =>
    value === null
      ? []
      : names.map(
          (name) =>
            `    ${quoted(`${path.join(' ')} ${name}`)}) value=${quoted(candidates(value, choices))} ;;`,
        ),
  );
}
