import type { CodegenConfig } from '@graphql-codegen/cli';

const SCALARS = { DateTime: 'string', JSON: 'unknown', ID: 'string' };

/** The types of what a room asks the server, from the operations in its files: text marked with the comment GraphQL. Nothing of them is there at run time. */
function operationTypes(room: 'sdk' | 'cli'): CodegenConfig['generates'] {
  return {
    [`src/${room}/generated/operations.ts`]: {
      documents: [`src/${room}/**/*.ts`, `!src/${room}/generated/**`],
      plugins: ['typescript-operations'],
      config: { useTypeImports: true, enumsAsTypes: true, skipTypename: true, scalars: SCALARS },
    },
  };
}

const config: CodegenConfig = {
  schema: 'schema.graphql',
  ignoreNoDocuments: true,
  generates: {
    ...operationTypes('sdk'),
    ...operationTypes('cli'),
    'test/support/gql/': {
      documents: ['test/**/*.ts', '!test/support/gql/**'],
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        importExtension: '.ts',
        enumsAsTypes: true,
        scalars: SCALARS,
      },
    },
  },
};

export default config;
