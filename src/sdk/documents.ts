/** What the client asks over GraphQL; its types come from codegen.ts. Close together: it is sent with each subscription, and counts into the size of the package. */
// prettier-ignore
export const CHANNEL_EVENTS = /* GraphQL */ `subscription ChannelEvents($channel:String!,$prompts:[String!],$after:String,$snapshot:Boolean!,$instance:String!){channelEvents(channel:$channel prompts:$prompts after:$after snapshot:$snapshot bookmarks:true instance:$instance){__typename cursor more
...on VersionPromoted{slug promotion{kind createdAt}version{...Served}previousVersion{number}}
...on VersionWithdrawn{slug}
...on ChannelSnapshot{reason part complete entries{prompt{slug}since version{...Served}}}
...on Bookmark{lagMs}}}
fragment Served on PromptVersion{number kind template messages{role content name}config variables{name type required default description options declared}contentHash}`;
