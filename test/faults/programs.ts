import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, makeRoom, removeRoom, until } from './harness.ts';

const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
];

/** Why a row cannot be played here, or null when it can: these are Debian packages of the same names. */
export function missing(program: 'haproxy' | 'pgbouncer' | 'faketime'): string | null {
  const isThere =
    program === 'faketime'
      ? FAKETIME.some((file) => existsSync(file))
      : spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${program}`]).status === 0;
  return isThere ? null : `there is no ${program} here: install Debian's "${program}"`;
}

/** The environment under which a process believes that it is another time; what it measures stays right. */
export function fakeTime(offset: string): Record<string, string> {
  const library = FAKETIME.find((file) => existsSync(file)) ?? '';
  return {
    LD_PRELOAD: library,
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
}

export interface Program {
  readonly port: number;
  readonly output: () => string;
  stop(): Promise<void>;
}

interface Launch {
  readonly command: string;
  /** Asked with the port to listen on and the directory for its files. */
  readonly config: (port: number, room: string) => string;
  readonly args: (file: string) => readonly string[];
}

async function launch({ command, config, args }: Launch): Promise<Program> {
  const room = await makeRoom();
  const port = await freePort();
  const file = join(room, 'config');
  await writeFile(file, config(port, room));
  await chmod(file, 0o644);
  const child = spawn(command, args(file), {
    env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise((resolve) => {
    child.on('exit', resolve);
  });
  await until(`${command} listens`, async () => {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${output}`);
    return isListening(port);
  });
  return {
    port,
    output: () => output,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      await removeRoom(room);
    },
  };
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** A balancer that asks each node whether it is ready. */
export async function startHaproxy(ports: readonly number[]): Promise<Program> {
  const servers = ports.map(
    (port, index) => `  server n${index} 127.0.0.1:${port} check inter 200 fall 2 rise 1`,
  );
  return launch({
    command: 'haproxy',
    args: (file) => ['-db', '-f', file],
    config: (port) => `
global
  maxconn 4000
defaults
  mode http
  timeout connect 2s
  timeout client 90s
  timeout server 90s
  timeout tunnel 90s
  timeout check 5s
  retries 3
  option redispatch
  option http-server-close
  default-server observe layer4
frontend in
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /readyz
${servers.join('\n')}
`,
  });
}

/** PgBouncer in transaction mode: it gives every transaction another session, and swallows LISTEN. */
export async function startPgbouncer(upstream: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}): Promise<Program> {
  return launch({
    command: 'pgbouncer',
    args: (file) => [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), file],
    config: (port) => `
[databases]
* = host=${upstream.host} port=${upstream.port} user=${upstream.user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 30
max_client_conn = 200
ignore_startup_parameters = extra_float_digits,options
`,
  });
}
