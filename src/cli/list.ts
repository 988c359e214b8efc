import type { Command } from 'commander';
import { channelOption, limitOption } from './daily-options.ts';
import type { ListPromptsQuery } from './generated/operations.ts';
import { ask, rowsOf, serverOf } from './graph.ts';
import { unknownChannel } from './near-names.ts';
import { counted, inline, isTerminal, minute, note, print, printJson, table } from './output.ts';

const LIST_PROMPTS = /* GraphQL */ `
  query ListPrompts($channel: String!, $filter: PromptFilter, $first: Int!, $after: String) {
    channel(name: $channel) {
      name
    }
    prompts(filter: $filter, first: $first, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          slug
          kind
          description
          owner
          tags
          archivedAt
          updatedAt
          latest {
            number
          }
          channels {
            since
            channel {
              name
            }
            version {
              number
            }
          }
        }
      }
    }
  }
`;

interface ListOptions {
  readonly folder?: string;
  readonly tag?: string;
  readonly owner?: string;
  readonly search?: string;
  readonly archived?: boolean;
  readonly channel: string;
  readonly limit: number;
  readonly json?: boolean;
}

type ListedPrompt = ListPromptsQuery['prompts']['edges'][number]['node'];

export function registerList(program: Command): void {
  program
    .command('list')
    .description('list prompts with their newest version and what a channel serves')
    .option('--folder <folder>', 'only prompts of this folder, such as support')
    .option('--tag <tag>', 'only prompts with exactly this tag')
    .option('--owner <owner>', 'only prompts of exactly this owner')
    .option('--search <text>', 'only prompts with this in their slug, description or newest text')
    .option('--archived', 'archived prompts in place of the active ones')
    .addOption(channelOption('what of this channel is shown'))
    .addOption(limitOption('at most so many prompts', Infinity))
    .action(async (_options: unknown, command: Command) => list(command));
}

async function list(command: Command): Promise<void> {
  const options = command.optsWithGlobals<ListOptions>();
  const rows = await listedPrompts(command, options);
  if (options.json === true) {
    printJson({ channel: options.channel, prompts: rows.map((row) => asJson(row, options.channel)) });
    return;
  }
  if (rows.length > 0)
    print(
      table(
        ['prompt', 'kind', 'newest', options.channel, 'tags'],
        rows.map((row) => cells(row, options.channel)),
      ),
    );
  if (rows.length === 0 || isTerminal()) note(counted(rows.length, 'prompt'));
}

async function listedPrompts(command: Command, options: ListOptions): Promise<ListedPrompt[]> {
  const request = serverOf(command);
  const { folder, tag, owner, search, channel } = options;
  const filter = { folder, tag, owner, search, archived: options.archived === true };
  const pages = rowsOf(async (place) => {
    const page = await ask<ListPromptsQuery>(request, LIST_PROMPTS, { channel, filter, ...place });
    if (page.channel === null) throw await unknownChannel(request, channel);
    return page.prompts;
  }, options.limit);
  const rows: ListedPrompt[] = [];
  for await (const row of pages) rows.push(row);
  return rows;
}

function served({ channels }: ListedPrompt, name: string): ListedPrompt['channels'][number] | undefined {
  return channels.find(({ channel }) => channel.name === name);
}

function cells(row: ListedPrompt, channel: string): string[] {
  const pointer = served(row, channel);
  const serving = pointer === undefined ? '-' : `${pointer.version.number} since ${minute(pointer.since)}`;
  return [row.slug, row.kind, String(row.latest.number), serving, inline(row.tags.join(', '))];
}

function asJson(row: ListedPrompt, name: string): object {
  const { channels: _channels, latest, ...facts } = row;
  const pointer = served(row, name);
  const serving = pointer === undefined ? null : { version: pointer.version.number, since: pointer.since };
  return { ...facts, newest: latest.number, serving };
}
