import { spawn } from 'node:child_process';
import { largestAsset } from './abusers.ts';

/** A program of Debian, not of npm. */
const PROGRAM = 'slowhttptest';
/** Slow heads, slow bodies and slow reads, as its manual has them. */
const MODES = {
  slowHead: ['-H', '-i', '5'],
  slowBody: ['-B', '-i', '5', '-s', '50000', '-f', 'application/json'],
  slowRead: ['-X', '-w', '10', '-y', '20', '-n', '5', '-z', '32'],
} as const;

/** Debian's slowhttptest, which can send no key, instead of our own abusers, for so long. @returns what it printed. */
export async function slowhttptest(
  mode: keyof typeof MODES,
  { url, count, seconds }: { readonly url: string; readonly count: number; readonly seconds: number },
): Promise<string> {
  const path = mode === 'slowRead' ? await largestAsset(url) : '/graphql';
  const common = ['-c', count, '-r', 250, '-l', seconds, '-p', 5, '-u', `${url}${path}`].map(String);
  const child = spawn(PROGRAM, [...MODES[mode], ...common], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject));
  return output;
}
