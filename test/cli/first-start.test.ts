import { describe, expect, it } from 'vitest';
import { firstStartText } from '../../src/cli/first-start.ts';

const FIRST = {
  url: 'http://0.0.0.0:4000',
  firstKey: 'pf_live_x',
  demo: false,
  trustedOnly: false,
  graphiql: true,
};

describe('what a first start tells', () => {
  it('is where GraphiQL is, and a query that is answered', () => {
    const text = firstStartText(FIRST);
    expect(text).toContain('  GraphiQL, signed in:\n    http://127.0.0.1:4000/graphql#key=pf_live_x\n');
    expect(text).toContain("Bearer pf_live_x' http://127.0.0.1:4000/graphql?query=%7Bviewer%7Brole%7D%7D\n");
    expect(firstStartText({ ...FIRST, demo: true })).toContain('4000/v1/prompts/support/assistant\n');
  });

  it('offers no page that is switched off', () => {
    const text = firstStartText({ ...FIRST, graphiql: false });
    expect(text).toContain('pf_live_x\n\n  Try it:\n');
    expect(text).not.toMatch(/GraphiQL|#key/);
  });

  it('offers no document of its own where only those of a manifest are answered', () => {
    const text = firstStartText({ ...FIRST, trustedOnly: true });
    expect(text).toContain(
      'GraphiQL, signed in (answers only the documents of PROMPTFORGE_TRUSTED_DOCUMENTS):\n',
    );
    expect(text).toContain('4000/v1/channels/stable\n');
    expect(text).not.toContain('?query=');
  });
});
