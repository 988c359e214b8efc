import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/sdk/canonical.ts';
import { createPromptForge } from '../../src/sdk/client.ts';
import type { PromptForgeOptions } from '../../src/sdk/client.ts';
import { bundleFile, diskCache } from '../../src/sdk/disk.ts';
import { Keeper } from '../../src/sdk/keeping.ts';
import { contentHashOf } from '../../src/sdk/served-prompt.ts';
import { readSnapshotFile, writeSnapshotFile } from '../../src/sdk/snapshot-file.ts';
import type { ServedPrompt } from '../../src/sdk/types.ts';
import { deferred } from '../support/deferred.ts';

const TOPIC = { channel: 'stable', prompts: ['support/*'] };

async function prompt(slug: string, template: string): Promise<ServedPrompt> {
  const content = {
    slug,
    version: 3,
    channel: 'stable',
    kind: 'TEXT',
    template,
    messages: null,
    config: { model: 'm' },
    variables: [{ name: 'who', type: 'STRING', required: true, declared: false }],
    contentHash: '',
    promotedAt: '2026-11-24T12:00:00.000Z',
  } as const;
  return { ...content, contentHash: await contentHashOf(content) };
}

async function fileOf(...served: readonly ServedPrompt[]): Promise<string> {
  const savedAt = new Date('2026-11-24T12:00:00Z');
  return writeSnapshotFile({ ...TOPIC, cursor: 'c9', savedAt, served });
}

async function read(file: unknown, topic = TOPIC) {
  const warnings: string[] = [];
  const kept = await readSnapshotFile(file, topic, (message) => warnings.push(message));
  return { kept, warnings };
}

describe('canonical JSON', () => {
  it('is what the server makes of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as never;
        expect(canonicalJson(plain)).toBe(canonicalize(plain));
      }),
    );
  });
});

describe('a snapshot file', () => {
  it('gives back what was written, whatever the order, and is the same text each time', async () => {
    const [a, b] = [await prompt('support/a', 'Hi {{who}}'), await prompt('support/b', 'Bye {{who}}')];
    const text = await fileOf(b, a);
    expect(await fileOf(a, b)).toBe(text);
    const { kept, warnings } = await read(text);
    expect(kept).toEqual({
      cursor: 'c9',
      savedAt: new Date('2026-11-24T12:00:00Z'),
      served: [a, b],
      isComplete: true,
    });
    expect((await read(JSON.parse(text))).kept).toEqual(kept);
    expect(warnings).toEqual([]);
  });

  it('leaves out an entry in which any byte was changed, and then does not go on from its cursor', async () => {
    const text = await fileOf(
      await prompt('support/a', 'Hi {{who}}'),
      await prompt('support/b', 'Bye {{who}}'),
    );
    const { kept, warnings } = await read(text.replace('Bye', 'Buy'));
    expect(kept).toMatchObject({ cursor: null, isComplete: false });
    expect(kept?.served.map(({ slug }) => slug)).toEqual(['support/a']);
    expect(warnings).toEqual([expect.stringContaining('"support/b"')]);
    // With a checksum that fits, the hash of the content still does not.
    const forged = JSON.parse(text) as { entries: { served: { template: string } }[] };
    const served = { ...(await prompt('support/a', 'Hi {{who}}')), template: 'Other' };
    forged.entries = (JSON.parse(await fileOf(served)) as typeof forged).entries;
    expect((await read(forged)).warnings).toEqual([expect.stringContaining('contentHash')]);
  });

  it.each([
    ['is cut off', (text: string) => text.slice(0, 200), 'JSON'],
    ['is empty', () => '', 'JSON'],
    ['is something else', () => '[1]', 'not an object'],
    ['is of another format', (text: string) => text.replace('promptforge-snapshot', 'x'), 'format'],
    [
      'is of a newer format',
      (text: string) => text.replace('"formatVersion":1', '"formatVersion":2'),
      'formatVersion',
    ],
    [
      'is of another channel',
      (text: string) => text.replace('"channel":"stable"', '"channel":"canary"'),
      'canary',
    ],
    ['is of other prompts', (text: string) => text.replace('["support/*"]', 'null'), 'null'],
    [
      'has no time',
      (text: string) => text.replace('2026-11-24T12:00:00.000Z","entries', 'x","entries'),
      'savedAt',
    ],
  ])('is not used when it %s', async (_, change, why) => {
    const { kept, warnings } = await read(change(await fileOf(await prompt('support/a', 'Hi'))));
    expect(kept).toBeNull();
    expect(warnings).toEqual([expect.stringContaining(why)]);
  });
});

describe('the disk', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'promptforge-sdk-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('keeps a file of its owner only, leaves nothing beside it, and tidies what a crash left', async () => {
    const path = join(directory, 'below', 'prompts.json');
    const cache = diskCache(path);
    expect(await cache.read()).toBeNull();
    await cache.write('one');
    await cache.write('two');
    expect(await cache.read()).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const left = join(directory, 'below', '.prompts.json.tmp-0123');
    await writeFile(left, 'half');
    await utimes(left, new Date(0), new Date(0));
    await cache.read();
    expect(await readdir(join(directory, 'below'))).toEqual(['prompts.json']);
  });

  it('fails to write where it may not, and says so', async () => {
    await expect(diskCache(join(directory, 'below', 'prompts.json', 'x')).write('a')).rejects.toThrow(
      /ENOTDIR|EEXIST/,
    );
  });

  /** A client without any server. */
  function offline(options: Partial<PromptForgeOptions>) {
    return createPromptForge({
      url: 'http://127.0.0.1:9',
      apiKey: 'k',
      transports: ['sse'],
      fetch: () => Promise.reject(new TypeError('fetch failed')),
      ...TOPIC,
      ...options,
    });
  }

  it('starts a client without a server: from the cache, else from the bootstrap file', async () => {
    const [cached, bundled] = [join(directory, 'cached.json'), join(directory, 'bundled.json')];
    await writeFile(cached, await fileOf(await prompt('support/a', 'cached {{who}}')));
    await writeFile(bundled, await fileOf(await prompt('support/a', 'bundled {{who}}')));
    const render = async (options: Partial<PromptForgeOptions>) => {
      const prompts = offline(options);
      const errors: string[] = [];
      prompts.on('error', (error) => errors.push(error.message));
      const { source } = await prompts.ready({ timeoutMs: 5_000 });
      const { text } = prompts.render('support/a', { who: 'Ada' });
      await prompts.close();
      return { source, text, errors };
    };
    const both = { cache: diskCache(cached), bootstrap: bundleFile(bundled) };
    expect(await render(both)).toMatchObject({ source: 'disk', text: 'cached Ada', errors: [] });
    const imported = JSON.parse(await readFile(bundled, 'utf8')) as never;
    expect(await render({ bootstrap: imported })).toMatchObject({ source: 'bootstrap', text: 'bundled Ada' });
    await writeFile(cached, 'garbage');
    expect(await render(both)).toMatchObject({
      source: 'bootstrap',
      text: 'bundled Ada',
      errors: [expect.stringContaining('cache: it is not used')],
    });
    // What was not written by a server's word is not written over what was there.
    expect(await readFile(cached, 'utf8')).toBe('garbage');
  });

  it('answers what is missing in a damaged file as not known, not as not served', async () => {
    const text = await fileOf(await prompt('support/a', 'Hi'), await prompt('support/b', 'Bye'));
    const prompts = offline({ bootstrap: JSON.parse(text.replace('"Bye"', '"Buy"')) as never });
    await prompts.ready();
    expect(prompts.slugs()).toEqual(['support/a']);
    expect(() => prompts.get('support/b')).toThrow(expect.objectContaining({ code: 'NO_CONTACT_YET' }));
    await prompts.close();
    expect(() => prompts.get('support/a')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('says why nothing is known in time', async () => {
    const prompts = offline({ bootstrap: bundleFile(join(directory, 'nowhere.json')) });
    await expect(prompts.ready({ timeoutMs: 20 })).rejects.toMatchObject({
      code: 'NO_CONTACT_YET',
      message: expect.stringContaining('fetch failed') as string,
    });
    await prompts.close();
  });
});

describe('the keeper of the cache', () => {
  it('writes one at a time, and what changed meanwhile once', async () => {
    const gates = [deferred<void>(), deferred<void>()];
    let writes = 0;
    const keeper = new Keeper(
      () => gates[writes++]?.promise ?? Promise.resolve(),
      () => undefined,
    );
    for (let change = 0; change < 5; change += 1) keeper.save();
    expect(writes).toBe(1);
    gates[0]?.resolve();
    gates[1]?.reject(new Error('the disk is full'));
    await keeper.flush();
    expect(writes).toBe(2);
    keeper.save();
    await keeper.flush();
    expect(writes).toBe(3);
  });
});
