export const GRAPHQL_PATH = '/graphql';
export const GRAPHIQL_ASSETS_PATH = '/graphiql/';
export const DELIVERY_PATH = '/v1/prompts/';
