import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The servers that PromptForge is compared with stand in bench/package.json alone: who installs the project does not install them. */
export function installPeers(): void {
  if (existsSync(join(import.meta.dirname, 'node_modules', 'graphql-sse'))) return;
  console.error('installs what is compared with: npm ci --prefix bench');
  const { status } = spawnSync('npm', ['ci', '--prefix', import.meta.dirname, '--no-audit', '--no-fund'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0)
    throw new Error('npm ci --prefix bench failed: without its packages there is no comparison');
}
