import type { Command } from 'commander';
import { limitOption } from './daily-options.ts';
import { serverOf } from './graph.ts';
import { entriesOf } from './history-entries.ts';
import type { HistoryEntry } from './history-entries.ts';
import { inline, minute, note, print, printJson, table } from './output.ts';

const ENTRIES_SHOWN = 30;

interface HistoryOptions {
  readonly channel?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function registerHistory(program: Command): void {
  program
    .command('history')
    .description('who saved the versions of a prompt and who moved its channels, when and why, newest first')
    .argument('<slug>', 'which prompt')
    .option('--channel <name>', 'only the moves of this channel')
    .addOption(limitOption('at most so many entries', ENTRIES_SHOWN))
    .action(async (slug: string, _options: unknown, command: Command) => history(slug, command));
}

async function history(slug: string, command: Command): Promise<void> {
  const { channel, limit, json } = command.optsWithGlobals<HistoryOptions>();
  const entries: HistoryEntry[] = [];
  let complete = true;
  // One more than is shown tells whether there are more.
  for await (const entry of entriesOf(serverOf(command), {
    slug,
    channel: channel ?? null,
    limit: limit + 1,
  })) {
    complete = entries.length < limit;
    if (complete) entries.push(entry);
  }
  if (json === true) printJson({ slug, channel: channel ?? null, complete, entries });
  else {
    print(table(['when', 'what', 'who', 'why'], entries.map(cells)));
    if (!complete) note(`there is more: --limit ${limit * 2}, or --limit all`);
  }
}

function cells(entry: HistoryEntry): string[] {
  const why = entry.type === 'version' ? entry.message : entry.reason;
  return [minute(entry.at), whatText(entry), inline(entry.by), inline(why ?? '')];
}

function whatText(entry: HistoryEntry): string {
  if (entry.type === 'version') return `version ${entry.version} saved`;
  const { channel, from, to, kind, breakGlass } = entry;
  return `${channel}: ${from ?? 'nothing'} -> ${to ?? 'nothing'}  ${kind}${breakGlass ? ', over its policy' : ''}`;
}
