import type { Argument, Command, Option } from 'commander';

/** A command as the parser knows it: what the completion and docs/cli.md are made of. */
export interface CommandFacts {
  /** Without the program's own name: none for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly usage: string;
  readonly arguments: readonly ArgumentFacts[];
  /** Without those of the program, which stand before and after every command. */
  readonly options: readonly OptionFacts[];
  readonly commands: readonly CommandFacts[];
}

export interface ArgumentFacts {
  readonly name: string;
  readonly description: string;
  readonly isRequired: boolean;
  readonly choices: readonly string[];
  /** Null: none. */
  readonly default: string | null;
}

export interface OptionFacts {
  readonly flags: string;
  /** `--url`, `-h`: as they are typed. */
  readonly names: readonly string[];
  readonly description: string;
  readonly isRequired: boolean;
  /** What stands for its value in the flags, such as `<file>`; null: it takes none. */
  readonly value: string | null;
  readonly choices: readonly string[];
  readonly default: string | null;
  readonly variable: string | null;
}

/** The whole tree, without what is hidden. */
export function commandTree(command: Command, path: readonly string[] = []): CommandFacts {
  const help = command.createHelp();
  const names = path.length === 0 ? [command.name()] : [command.name(), ...path];
  return {
    path,
    description: command.description(),
    usage: help.commandUsage(command) || names.join(' '),
    arguments: command.registeredArguments.map(argumentFacts),
    options: help.visibleOptions(command).map(optionFacts),
    commands: command.commands
      .filter((child) => help.visibleCommands(command).includes(child))
      .map((child) => commandTree(child, [...path, child.name()])),
  };
}

/** A command and all below it, in the order in which they were registered. */
export function withCommandsBelow(command: CommandFacts): CommandFacts[] {
  return [command, ...command.commands.flatMap(withCommandsBelow)];
}

function argumentFacts(argument: Argument): ArgumentFacts {
  return {
    name: argument.name(),
    description: argument.description,
    isRequired: argument.required,
    choices: argument.argChoices ?? [],
    default: shown(argument.defaultValue, argument.defaultValueDescription),
  };
}

function optionFacts(option: Option): OptionFacts {
  return {
    flags: option.flags,
    names: [option.short, option.long].filter((name) => name !== undefined),
    description: option.description,
    isRequired: option.mandatory,
    value: /[<[][^>\]]+[>\]]/.exec(option.flags)?.[0] ?? null,
    choices: option.argChoices ?? [],
    default: shown(option.defaultValue, option.defaultValueDescription),
    variable: option.envVar ?? null,
  };
}

/** A switch that is off until it is given has no default to speak of. */
function shown(value: unknown, description: string | undefined): string | null {
  if (description !== undefined) return description;
  if (value === undefined || value === false) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
