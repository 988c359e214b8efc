import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { channelOption, parseVersion } from './daily-options.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { Request } from './graphql-client.ts';
import { nothingServed, unknownPrompt } from './near-names.ts';

/** Which version is meant: by its number, or by the channel that serves it. */
export interface VersionChoice {
  readonly version?: number;
  readonly channel: string;
}

/** `--version` and `--channel`, of which one is given at most. */
export function addVersionChoice(command: Command): Command {
  return command
    .option('--version <n>', 'the version of this number', parseVersion)
    .addOption(channelOption('the version that this channel serves').conflicts('version'));
}

/** The choice as the graph takes it. The key of a service may ask by channel only. */
export function choiceOf({ version, channel }: VersionChoice): { number: number } | { channel: string } {
  return version === undefined ? { channel } : { number: version };
}

type Chosen<Prompt extends { readonly version: unknown }> = Prompt & {
  readonly version: NonNullable<Prompt['version']>;
};

/** The prompt with the version that was chosen. @throws CliError when there is no such prompt, or no such version of it: nothing falls back */
export async function chosen<Prompt extends { readonly version: unknown }>(
  request: Request,
  {
    slug,
    choice,
    prompt,
  }: { readonly slug: string; readonly choice: VersionChoice; readonly prompt: Prompt | null },
): Promise<Chosen<Prompt>> {
  if (prompt === null) throw await unknownPrompt(request, slug);
  const { version } = prompt;
  if (version !== null && version !== undefined) return { ...prompt, version };
  if (choice.version === undefined) throw await nothingServed(request, slug, choice.channel);
  throw new CliError(
    EXIT_CODE.REFUSED,
    `${slug} has no version ${choice.version}: \`promptforge history ${slug}\` shows which there are`,
  );
}
