import type { Wish } from './transport.ts';

/** The path of the channel, and below it. */
export function channelUrl(
  { url, channel, prompts }: Pick<Wish, 'url' | 'channel' | 'prompts'>,
  below: string,
  parameters: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams({
    ...(prompts === null ? {} : { prompts: prompts.join(',') }),
    ...parameters,
  });
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  // The server takes the name as it stands; what needs to be encoded is no name of a channel.
  return `${url}/v1/channels/${channel}${below}${search}`;
}

export function requestHeaders(
  { credential, workspace }: Pick<Wish, 'credential' | 'workspace'>,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    authorization: `Bearer ${credential}`,
    ...(workspace === null ? {} : { 'x-promptforge-workspace': workspace }),
    ...more,
  };
}
