/** What a first start has to tell. */
interface FirstStart {
  readonly url: string;
  readonly firstKey: string;
  /** There is a prompt to try it with. */
  readonly demo: boolean;
  /** Only the documents of a manifest are answered. */
  readonly trustedOnly: boolean;
  /** Whether there is the page. */
  readonly graphiql: boolean;
}

/** The first key, and what can be done with it. */
export function firstStartText({ url, firstKey, demo, trustedOnly, graphiql }: FirstStart): string {
  // 0.0.0.0 and :: are where to listen, not where to go.
  const reachable = url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  const only = trustedOnly ? ' (answers only the documents of PROMPTFORGE_TRUSTED_DOCUMENTS)' : '';
  const page = `  GraphiQL, signed in${only}:
    ${reachable}/graphql#key=${encodeURIComponent(firstKey)}

`;
  return `
  Admin key (shown this once, only its hash is stored):
    ${firstKey}

${graphiql ? page : ''}  Try it:
    curl -H 'Authorization: Bearer ${firstKey}' ${reachable}${pathToTry(demo, trustedOnly)}

  Lost the key? npx promptforge keys create --admin

`;
}

function pathToTry(demo: boolean, trustedOnly: boolean): string {
  if (demo) return '/v1/prompts/support/assistant';
  // A document of ours would be refused.
  return trustedOnly ? '/v1/channels/stable' : '/graphql?query=%7Bviewer%7Brole%7D%7D';
}
