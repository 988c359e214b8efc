import { writeFile } from 'node:fs/promises';
import { worldOf } from '../sdk/contract/content.ts';

const PROMPT_BYTES = 2_000;

export const SLUGS = Array.from({ length: 100 }, (_, index) => `folder-${index % 10}/prompt-${index}`);

/** A snapshot file of a hundred prompts of 2 kB each, all of this version. */
export function snapshotText(version: number, cursor = version): string {
  const items = SLUGS.map((slug) => `${slug}@${version}`);
  const template = `Hello {{name}}. ${'x'.repeat(PROMPT_BYTES)}`;
  const prompts = Object.fromEntries(items.map((item) => [item, { template: `${item}: ${template}` }]));
  const world = worldOf({ title: '', over: [], steps: [], prompts });
  return world.file({ entries: items, cursor });
}

export async function writeSnapshot(path: string, version: number): Promise<string> {
  const text = snapshotText(version);
  await writeFile(path, text);
  return text;
}
