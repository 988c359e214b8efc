import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PAGE = join(import.meta.dirname, '..', 'docs', 'benchmarks.md');

/** Puts a section into docs/benchmarks.md in the place of the one before; what other programs wrote there stays. `text`: below its heading. */
export async function writeSection(name: string, text: string): Promise<void> {
  const [introduction = '', ...sections] = (await readFile(PAGE, 'utf8')).split(/^(?=## )/m);
  const heading = `## ${name}\n`;
  const section = `${heading}\n${text.trim()}\n\n`;
  const index = sections.findIndex((one) => one.startsWith(heading));
  if (index === -1) sections.push(section);
  else sections[index] = section;
  const pieces = [introduction, ...sections].map((piece) => piece.trim());
  await writeFile(PAGE, `${pieces.join('\n\n')}\n`);
}
