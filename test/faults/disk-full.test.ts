import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { ADMIN_KEY, makeRoom, post, removeRoom, startServerProcess, until } from './harness.ts';

const MOUNT = 'mount';
const UNMOUNT = 'umount';

/** A file system of its own that is small enough to be filled; null, with the reason, where that is not allowed. */
async function mountSmall(directory: string): Promise<string | null> {
  await mkdir(directory);
  try {
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=110m,mode=0755', 'tmpfs', directory], { stdio: 'pipe' });
  } catch (error) {
    return `a small file system cannot be mounted here: ${error instanceof Error ? error.message : String(error)}`;
  }
  onTestFinished(() => void execFileSync(UNMOUNT, ['--lazy', directory]));
  return null;
}

const edit = (url: string, template: string) =>
  post(
    url,
    'mutation ($template: String!) { editPrompt(input: { slug: "a", content: { template: $template } }) { ... on PromptVersion { number } ... on Error { code } } }',
    { template },
  ).then((reply) => reply.data?.['editPrompt'] as { number?: number; code?: string } | undefined);

it(
  'a full disk: writes fail typed, reads go on, and when there is room again writes work and the log is whole',
  { timeout: 120_000 },
  async (context) => {
    const room = await makeRoom();
    onTestFinished(() => removeRoom(room));
    const disk = join(room, 'disk');
    const reason = await mountSmall(disk);
    context.skip(reason !== null, reason ?? '');
    const data = join(disk, 'data');
    await mkdir(data);
    await chmod(data, 0o755);
    const server = await startServerProcess({ PROMPTFORGE_DATA_DIR: data });
    onTestFinished(() => server.kill('SIGTERM'));
    const { url } = server;
    await post(
      url,
      'mutation { createPrompt(input: { slug: "a", content: { template: "first" } }) { ... on Prompt { id } } }',
    );
    await post(
      url,
      'mutation { promoteVersion(input: { slug: "a", version: 1 }) { ... on Promotion { id } } }',
    );
    const read = () => fetch(`${url}/v1/prompts/a`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect((await read()).status).toBe(200);

    const ballast = join(disk, 'ballast');
    const { bavail, bsize } = await statfs(disk);
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 1_000_000)));
    const acknowledged: number[] = [1];
    // Incompressible, so that the room that is left is soon used up.
    const text = (round: number) =>
      Buffer.from(
        Array.from({ length: 300_000 }, (_, index) => (index * 7_919 * (round + 3)) % 251),
      ).toString('base64');
    let refused: string | undefined;
    for (let round = 0; round < 60 && refused === undefined; round += 1) {
      const answer = await edit(url, text(round));
      if (answer?.number !== undefined) acknowledged.push(answer.number);
      else refused = answer?.code ?? 'no typed answer';
      expect((await read()).status).toBe(200);
    }
    expect(refused).toBe('UNAVAILABLE');
    expect((await read()).status).toBe(200);

    await rm(ballast);
    const freed = Date.now();
    await until(
      'a write works again',
      async () => (await edit(url, `again ${Date.now()}`))?.number !== undefined,
      20_000,
    );
    expect(Date.now() - freed).toBeLessThan(10_000);
    const versions = await post(
      url,
      '{ prompt(slug: "a") { versions(first: 100) { edges { node { number } } } } }',
    );
    const prompt = versions.data?.['prompt'] as
      | { versions: { edges: { node: { number: number } }[] } }
      | undefined;
    const numbers = prompt?.versions.edges.map(({ node }) => node.number);
    expect(numbers).toEqual(expect.arrayContaining(acknowledged));
    const audit = await runCli(['audit', 'verify'], { PROMPTFORGE_URL: url, PROMPTFORGE_API_KEY: ADMIN_KEY });
    expect([audit.code, audit.stdout]).toEqual([0, expect.stringContaining('the chain holds')]);
    expect(server.isRunning()).toBe(true);
  },
);
