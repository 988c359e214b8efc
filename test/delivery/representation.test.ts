import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ServedVersion } from '../../src/db/serving.ts';
import { represent, sizeOf } from '../../src/delivery/representation.ts';
import type { Content } from '../../src/domain/version.ts';

const TEXT: Content = { kind: 'TEXT', template: 'Grüße, {{name}}', config: { t: 1 }, variables: [] };

function served(changes: Partial<ServedVersion> = {}): ServedVersion {
  return {
    promptId: '01939c1e-7a6b-7000-8000-000000000001',
    promptCreatedAt: new Date(0),
    slug: 'a/b',
    versionId: '01939c1e-7a6b-7000-8000-000000000002',
    version: 3,
    createdAt: new Date(0),
    content: TEXT,
    contentHash: `sha256:${'0'.repeat(64)}`,
    channel: 'stable',
    promotedAt: new Date('2026-01-02T03:04:05.006Z'),
    cursor: 'x',
    ...changes,
  };
}

describe('a representation', () => {
  it('is the answer of the contract, in bytes', () => {
    const { json, text } = represent(served());
    expect(JSON.parse(json.body.toString('utf8'))).toEqual({
      slug: 'a/b',
      version: 3,
      channel: 'stable',
      kind: 'TEXT',
      template: 'Grüße, {{name}}',
      config: { t: 1 },
      variables: [expect.objectContaining({ name: 'name', declared: false })],
      contentHash: `sha256:${'0'.repeat(64)}`,
      promotedAt: '2026-01-02T03:04:05.006Z',
    });
    expect(text?.body).toEqual(Buffer.from('Grüße, {{name}}', 'utf8'));
  });

  it('is no bare text for a chat', () => {
    const content: Content = {
      kind: 'CHAT',
      messages: [{ role: 'USER', content: 'hi' }],
      config: null,
      variables: [],
    };
    const { json, text } = represent(served({ content }));
    expect(text).toBeNull();
    expect(JSON.parse(json.body.toString('utf8'))).toMatchObject({
      kind: 'CHAT',
      messages: [{ role: 'USER', content: 'hi' }],
    });
  });

  it('has an ETag of its own, which depends on its bytes alone', () => {
    const one = represent(served());
    expect(represent(served({ cursor: 'y' })).json.etag).toBe(one.json.etag);
    const others = [
      served({ version: 4 }),
      served({ channel: 'latest' }),
      served({ slug: 'a/c' }),
      served({ promotedAt: new Date(0) }),
    ];
    const etags = [one.json.etag, one.text?.etag, ...others.map((source) => represent(source).json.etag)];
    expect(new Set(etags).size).toBe(etags.length);
    for (const etag of etags) expect(etag).toMatch(/^"[\w-]{20,}"$/);
    const digest = createHash('sha256')
      .update(one.json.contentType)
      .update(one.json.body)
      .digest('base64url');
    expect(one.json.etag).toBe(`"${digest.slice(0, 27)}"`);
  });

  it('costs more than its bytes', () => {
    const one = represent(served());
    expect(sizeOf(one)).toBeGreaterThan(one.json.body.length + (one.text?.body.length ?? 0));
  });
});
