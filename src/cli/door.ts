import type { Command } from 'commander';
import type { CreateKeyOptions } from './keys.ts';
import { listenForStop } from './stop-signal.ts';
import { holdTickShape } from './tick-shape.ts';

// The commands that have the database's door bring the whole server along: it is loaded when one of them runs, not before.

export function registerDoor(program: Command): void {
  program
    .command('serve')
    .description('start the server; its configuration comes from the environment')
    .action(async () => {
      const stop = listenForStop();
      holdTickShape();
      await (await import('./serve.ts')).serve(stop, { json: isJson(program) });
    });
  program
    .command('migrate')
    .description('bring the database up to date and stop; the server does the same at every start')
    .action(async () => (await import('./migrate.ts')).migrateOnce({ json: isJson(program) }));
  registerKeys(program);
  registerBackup(program);
  registerDoctor(program);
}

const DOCTOR_HELP = `
Looks at this Node, the configuration, the database (version, migrations, the role of the server, LISTEN, clock), and the server at --url (ready, clock, key,
version). It changes nothing. An embedded database that does not run is started for the look. Exit code 1 when something is a fault.`;

function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what is wrong with this installation, and what to do')
    .addHelpText('after', DOCTOR_HELP)
    .action(async (_options: unknown, command: Command) => {
      const isUrlSaid = program.getOptionValueSource('url') !== 'default';
      process.exitCode = await (await import('./doctor.ts')).doctor(command.optsWithGlobals(), isUrlSaid);
    });
}

const BACKUP_HELP = `
Works while the server runs and while it does not, with the embedded PostgreSQL and with DATABASE_URL; the backup is of one moment.
The file holds everything but who is connected: prompts, channels, the audit trail, members, hashes of keys, counts of usage. Not in it: the configuration,
and what lies beside the embedded database (audit-signing-key.pem, audit-checkpoints.jsonl).`;

const RESTORE_HELP = `
The database must be empty: a new data directory, or a new database of DATABASE_URL. Every checksum of the file is looked at before anything is written, and all
rows come in one transaction. A backup of an older release is migrated afterwards, one of a newer release is refused. A backup of the embedded PostgreSQL
goes into one of your own, and back.`;

function registerBackup(program: Command): void {
  program
    .command('backup')
    .description('write the whole database into one file, at any time')
    .requiredOption('--out <file>', 'a new file, such as promptforge-2026-11-28.backup')
    .addHelpText('after', BACKUP_HELP)
    .action(async ({ out }: { out: string }) => {
      const stop = listenForStop();
      await (await import('./backup.ts')).backup({ out, json: isJson(program) }, stop);
    });
  program
    .command('restore')
    .argument('<file>', 'a file that `backup` wrote')
    .description('fill an empty database with a backup')
    .addHelpText('after', RESTORE_HELP)
    .action(async (file: string) => {
      const stop = listenForStop();
      await (await import('./restore.ts')).restore(file, { json: isJson(program) }, stop);
    });
}

function registerKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description(
      'API keys, through the database: the way back for a lost admin key. Works whether the server runs or not',
    );
  keys
    .command('create')
    .description('create a key and print it, this once')
    .option('--admin', 'may do everything')
    .option('--reader', 'may read and fetch: --role VIEWER')
    .option('--operator', 'manages the workspaces of this installation, and sees into none')
    .option('--role <role>', 'VIEWER, EDITOR, RELEASER, ADMIN or SERVICE')
    .option(
      '--scope <scope>',
      'a scope that it shall have, again for more; without: none that moves production',
      more,
    )
    .option(
      '--prompts <patterns>',
      'slugs and folders ("support/*") that it is limited to, separated by commas',
    )
    .option('--channels <names>', 'channels that it is limited to, separated by commas')
    .option('--expires <time>', 'when it ends by itself, such as 2027-01-31')
    .option('--name <name>', 'what the key is for; stands in the audit trail')
    .option(...WORKSPACE)
    .action(async (options: Omit<CreateKeyOptions, 'json'>) =>
      (await import('./keys.ts')).createKey({ ...options, json: isJson(program) }),
    );
  keys
    .command('list')
    .description('list the keys, never their secrets')
    .option(...WORKSPACE)
    .option(...OPERATORS)
    .action(async (where: Where) =>
      (await import('./keys.ts')).listKeys({ ...where, json: isJson(program) }),
    );
  keys
    .command('rotate')
    .argument(...KEY_ID)
    .description('give a key another secret and print it, this once')
    .option('--overlap-days <n>', 'for how many days the former secret goes on, 0 to 7', '0')
    .option(...WORKSPACE)
    .option(...OPERATORS)
    .action(async (id: string, options: Where & { overlapDays: string }) =>
      (await import('./keys.ts')).rotateKey(id, { ...options, json: isJson(program) }),
    );
  keys
    .command('revoke')
    .argument(...KEY_ID)
    .description('end a key, on every server within seconds')
    .option(...WORKSPACE)
    .option(...OPERATORS)
    .action(async (id: string, where: Where) =>
      (await import('./keys.ts')).revokeKey(id, { ...where, json: isJson(program) }),
    );
}

const KEY_ID = ['<id>', 'of the key, as `keys list` shows it'] as const;
const WORKSPACE = ['--workspace <slug>', 'of which workspace; without: default'] as const;
const OPERATORS = ['--operator', "the operators' keys"] as const;

function isJson(program: Command): boolean {
  return program.opts<{ json?: boolean }>().json === true;
}

interface Where {
  readonly workspace?: string;
  readonly operator?: true;
}

function more(scope: string, before: readonly string[] = []): string[] {
  return [...before, scope];
}
