import { readFileSync } from 'node:fs';
import { satisfies } from 'semver';
import { describe, expect, it } from 'vitest';

/** The oldest Node of each line that package.json's "engines" allows. */
const OLDEST = ['20.19.0', '22.12.0', '24.0.0'];

interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly engines?: { readonly node?: string };
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};

describe('dependencies', () => {
  it('let production run on every Node that package.json allows', () => {
    const production = Object.entries(lock.packages).filter(
      // devOptional: the Prisma CLI and what it brings, an optional peer of the client; not there without the devDependencies.
      ([path, { dev, devOptional }]) =>
        path.startsWith('node_modules/') && dev !== true && devOptional !== true,
    );
    expect(production.length).toBeGreaterThan(50);
    const refusing = production.flatMap(([path, { engines }]) =>
      OLDEST.filter((node) => engines?.node !== undefined && !satisfies(node, engines.node)).map(
        (node) => `${path} wants ${engines?.node}, not ${node}`,
      ),
    );
    expect(refusing).toEqual([]);
  });

  it('come from the registry by name: the lock file holds no address', () => {
    const addresses = Object.values(lock.packages).filter((locked) => 'resolved' in locked);
    expect(addresses).toEqual([]);
  });

  it('are all in the lock file, for every platform: npm drops what a registry lacks, and `npm ci` then refuses', () => {
    const names = new Set(Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, '')));
    const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !names.has(name))
        .map((name) => `${path} wants ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('do not include the unrelated npm package that bears the name of the Pothos generator', () => {
    expect(Object.keys(lock.packages)).not.toContain('node_modules/prisma-pothos-types');
  });
});
