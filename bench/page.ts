import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PAGE = join(import.meta.dirname, '..', 'docs', 'benchmarks.md');
/** The order of the page; a section of another name comes after them. */
const ORDER = ['Targets', 'Reads', 'Push', 'Writes', 'Growth', 'Start', 'Soak', 'Beside Unleash'];

/** Puts a section into docs/benchmarks.md in the place of the one before; what other programs wrote there stays. `text`: below its heading. */
export async function writeSection(name: string, text: string): Promise<void> {
  const [introduction = '', ...sections] = (await readFile(PAGE, 'utf8')).split(/^(?=## )/m);
  const heading = `## ${name}\n`;
  const others = sections.filter((one) => !one.startsWith(heading));
  const ordered = [...others, `${heading}\n${text}`].toSorted((a, b) => placeOf(a) - placeOf(b));
  const pieces = [introduction, ...ordered].map((piece) => piece.trim());
  await writeFile(PAGE, `${pieces.join('\n\n')}\n`);
}

function placeOf(section: string): number {
  const place = ORDER.findIndex((name) => section.startsWith(`## ${name}\n`));
  return place === -1 ? ORDER.length : place;
}
