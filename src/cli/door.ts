import type { Command } from 'commander';
import { listenForStop } from './stop-signal.ts';

// The commands that have the database's door bring the whole server along: it is loaded when one of them runs, not before.

export function registerDoor(program: Command): void {
  program
    .command('serve')
    .description('start the server; its configuration comes from the environment')
    .action(async () => {
      const stop = listenForStop();
      await (await import('./serve.ts')).serve(stop);
    });
  program
    .command('migrate')
    .description('bring the database up to date and stop; the server does the same at every start')
    .action(async () => (await import('./migrate.ts')).migrateOnce());
  registerKeys(program);
}

function registerKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description(
      'API keys, through the database: the way back for a lost admin key. Works whether the server runs or not',
    );
  const isJson = () => program.opts<{ json?: boolean }>().json === true;
  keys
    .command('create')
    .description('create a key and print it, this once')
    .option('--admin', 'may do everything')
    .option('--reader', 'may read and fetch')
    .option('--name <name>', 'what the key is for; stands in the audit trail')
    .action(async (options: { admin?: true; reader?: true; name?: string }) =>
      (await import('./keys.ts')).createKey({ ...options, json: isJson() }),
    );
  keys
    .command('list')
    .description('list the keys, never their secrets')
    .action(async () => (await import('./keys.ts')).listKeys({ json: isJson() }));
  keys
    .command('revoke <id>')
    .description('end a key, on every server within seconds')
    .action(async (id: string) => (await import('./keys.ts')).revokeKey(id));
}
