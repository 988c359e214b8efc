import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';
import { Sequencer } from './test/support/sequencer.ts';

export default defineConfig({
  // One graphql for our sources and for the libraries that Node loads: with two, `instanceof GraphQLError` fails in tests only.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A second, as it comes, is less than a busy machine may need for what happens at once.
    expect: { poll: { timeout: 10_000 } },
    pool: 'forks',
    // One more than CI has cores: many tests wait for a time-out, a process or the database.
    maxWorkers: 3,
    sequence: { sequencer: Sequencer },
  },
});
