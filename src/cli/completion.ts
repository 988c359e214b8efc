import { Argument } from 'commander';
import type { Command } from 'commander';
import { commandTree } from './command-tree.ts';
import { bashScript } from './completion-bash.ts';
import { fishScript } from './completion-fish.ts';

// The scripts hold all words: pressing Tab starts no process of ours, which would take some tenths of a second.

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const HELP = `
bash: promptforge completion bash > ~/.local/share/bash-completion/completions/promptforge
zsh:  promptforge completion zsh > ~/.promptforge.zsh, and in ~/.zshrc: source ~/.promptforge.zsh
fish: promptforge completion fish > ~/.config/fish/completions/promptforge.fish`;

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands, options and their values in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      const script = completionScript(shell, program);
      const { json } = program.opts<{ json?: boolean }>();
      process.stdout.write(json === true ? `${JSON.stringify({ shell, script })}\n` : script);
    });
}

export function completionScript(shell: Shell, program: Command): string {
  const tree = commandTree(program);
  if (shell === 'fish') return fishScript(program.name(), tree);
  const script = bashScript(program.name(), tree);
  // zsh runs completions that were written for bash.
  const prepare =
    'autoload -Uz compinit bashcompinit\n(( $+functions[compdef] )) || compinit\nbashcompinit\n';
  return shell === 'bash' ? script : `${prepare}${script}`;
}
