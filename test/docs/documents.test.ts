import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { QUERY_LIMITS, ROWS_OF_WORK } from '../../src/server/query-limits.ts';
import { anchorsOf, readText, ROOT, withoutBlocks } from './markdown.ts';

const DOCUMENTS = ['.', 'docs', 'docs/decisions', 'examples/python'].flatMap((directory) =>
  readdirSync(join(ROOT, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name)),
);

function sources(directory: string): string[] {
  const names = readdirSync(join(ROOT, directory)).filter((name) => name.endsWith('.ts'));
  return names.map((name) => readText(join(directory, name)));
}

function namesIn(texts: readonly string[], pattern: RegExp): Set<string> {
  return new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name)));
}

describe('the documents', () => {
  it('link to files and headings that exist', () => {
    expect(DOCUMENTS).toEqual(expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'docs/http.md']));
    const links = DOCUMENTS.flatMap((document) =>
      [...withoutBlocks(readText(document)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({
        document,
        target,
      })),
    ).filter(({ target }) => !/^https?:/.test(target));
    expect(links.length).toBeGreaterThan(20);
    const broken = links.filter(({ document, target }) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? document : join(dirname(document), path);
      if (!existsSync(join(ROOT, file))) return true;
      return anchor !== undefined && !anchorsOf(readText(file)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('name every variable of the environment, and no other', () => {
    const read = new Set([
      ...namesIn(
        ['config', 'config-oidc', 'config-snapshot'].map((name) => readText(`src/server/${name}.ts`)),
        /^ {2}([A-Z][A-Z_]+): \{/gm,
      ),
      ...namesIn(sources('src/cli'), /\.env\('(\w+)'\)/g),
    ]);
    expect(read.size).toBeGreaterThanOrEqual(11);
    const configuration = readText('docs/operations.md')
      .split(/^## /m)
      .find((section) => section.startsWith('Configuration'));
    const named = namesIn([configuration ?? ''], /`([A-Z]+(?:_[A-Z]+)*)`(?=[ ,;.]|$)/gm);
    expect([...named].toSorted()).toEqual([...read].toSorted());
  });

  it('name every problem code of REST and every refusal of the graph', () => {
    const http = readText('docs/http.md');
    const codes = new Set([
      ...namesIn(sources('src/server'), /code: '([A-Z_]+)'/g),
      ...namesIn(sources('src/domain'), /readonly code = '([A-Z_]+)'/g),
    ]);
    expect(codes.size).toBeGreaterThan(18);
    expect([...codes].filter((code) => !http.includes(`\`${code}\``))).toEqual([]);
  });

  it('tell the limits of GraphQL documents as they are', () => {
    const rows = Object.entries(QUERY_LIMITS).map(
      ([name, value]) => `| ${name} | ${value.toLocaleString('en-US')} |`,
    );
    const operations = readText('docs/operations.md');
    expect(rows.filter((row) => !operations.includes(row))).toEqual([]);
    const works = Object.entries(ROWS_OF_WORK).map(([field, count]) => `\`${field}\` ${count}`);
    expect(operations).toContain(`each time that it may be answered: ${works.join(', ')}.`);
  });

  it('give a reason for every dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(readText('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const reasons = readText('docs/decisions/0013-dependencies.md');
    const names = Object.keys({ ...dependencies, ...devDependencies });
    expect(names.length).toBeGreaterThan(30);
    const hasReason = (name: string): boolean => {
      const plugin = name.replace('@pothos/plugin-', '-plugin-');
      return [name, plugin, name.replace(/\/.*/, '/*')].some((text) => reasons.includes(`\`${text}\``));
    };
    expect(names.filter((name) => !hasReason(name))).toEqual([]);
  });
});
