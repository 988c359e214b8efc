import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ServedVersion } from '../../src/db/serving.ts';
import { represent } from '../../src/delivery/representation.ts';
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

  it('counts what it costs: the content as it was read, both bodies, and the objects around', () => {
    const text = (template: string) =>
      represent(served({ content: { ...TEXT, kind: 'TEXT', template, variables: [] } }));
    const [empty, ascii, wide] = [
      text('').bytes,
      text('x'.repeat(1_000)).bytes,
      text('x'.repeat(999) + 'ж').bytes,
    ];
    expect(ascii - empty).toBe(3_000);
    // In memory every character takes two bytes then.
    expect(wide - ascii).toBeGreaterThan(1_000);
    const message = { role: 'USER', content: 'x' } as const;
    const chat = (messages: number) => {
      const content = {
        kind: 'CHAT',
        messages: Array.from({ length: messages }, () => message),
        config: null,
        variables: [],
      } as const;
      return represent(served({ content })).bytes;
    };
    expect(chat(11) - chat(1)).toBeGreaterThan(10 * 100);
  });

  it('keeps no more memory alive than its bodies', () => {
    const { json, text } = represent(served());
    for (const body of [json.body, text?.body]) expect(body?.buffer.byteLength).toBe(body?.length);
  });
});
