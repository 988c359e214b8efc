import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Case } from './format.ts';
import { play } from './player.ts';

const CASES = join(import.meta.dirname, 'cases');
const files = readdirSync(CASES).filter((name) => name.endsWith('.json'));
const LEAST = 60;

function casesOf(file: string): readonly Case[] {
  return JSON.parse(readFileSync(join(CASES, file), 'utf8')) as readonly Case[];
}

describe.each(files)('%s', (file) => {
  const played = casesOf(file).flatMap((given) =>
    given.over.map((over) => ({ title: given.title, given, over })),
  );

  // Each has a server and a clock of its own, and mostly waits for sockets.
  it.concurrent.each(played)('$title ($over)', { timeout: 15_000 }, async ({ given, over }) => {
    expect(await play(given, over)).toBeGreaterThan(0);
  });
});

it(`there are ${LEAST} cases and more, and no two have the same title`, () => {
  const all = files.flatMap(casesOf);
  expect(all.flatMap(({ over }) => over).length).toBeGreaterThan(LEAST);
  expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
});
