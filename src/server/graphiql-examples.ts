/**
 * The tabs that GraphiQL opens with, in this order. A tab takes its title from the operation's name.
 * They use the demo workspace's prompt, and literals instead of variables so that everything is in view;
 * lines are short because the editor does not wrap them.
 */
export const exampleOperations: readonly string[] = [
  `# Who this key is, and the prompts it can
# read. Run it with Ctrl-Enter.
query WhoAmI {
  viewer {
    actor { kind name }
    role
    scopes
    workspace { slug name }
  }
  prompts(first: 20) {
    totalCount
    edges {
      node {
        slug
        kind
        description
        tags
        latest { number }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  `# One prompt: its newest versions, and which
# version each channel serves.
query OnePrompt {
  prompt(slug: "support/assistant") {
    slug
    description
    channels {
      channel { name }
      version { number }
      since
    }
    versions(first: 10) {
      totalCount
      edges {
        node {
          number
          message
          createdAt
          author { name }
          channels { name }
        }
      }
    }
  }
}
`,
  `# What "stable" serves, then each change as it
# happens. Run it, promote in another window.
subscription FollowStable {
  channelEvents(
    channel: "stable"
    prompts: ["support/*"]
    snapshot: true
  ) {
    __typename
    cursor
    more
    ... on ChannelSnapshot {
      entries {
        prompt { slug }
        version { number }
      }
    }
    ... on VersionPromoted {
      slug
      promotion { kind actor { name } }
      version { number template }
    }
    ... on VersionWithdrawn { slug }
  }
}
`,
  `# Points a channel at a version. A refusal is
# part of the answer, not an error: ask for a
# version that does not exist, and see.
mutation PromoteVersion {
  promoteVersion(
    input: {
      slug: "support/assistant"
      version: 2
      channel: "stable"
      reason: "Promoted from GraphiQL"
    }
  ) {
    __typename
    ... on Promotion {
      kind
      createdAt
      channel { name }
      version { number }
      previousVersion { number }
    }
    ... on ChannelMoved {
      serving { number }
    }
    ... on Error {
      code
      message
    }
  }
}
`,
  `# What happened, newest first: every save,
# promotion and rollback, chained by hash.
query AuditTrail {
  events(
    filter: { prompt: "support/assistant" }
    first: 20
  ) {
    totalCount
    edges {
      node {
        seq
        type
        at
        actor { kind name }
        promotion {
          kind
          reason
          channel { name }
          version { number }
        }
        hash
        prevHash
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
];
