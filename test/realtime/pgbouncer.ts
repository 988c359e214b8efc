import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';

const PROGRAM = 'pgbouncer';

export interface PgBouncer {
  readonly url: (database: string) => string;
  stop(): Promise<void>;
}

/** Whether the machine has it: a Debian package, not one of ours. */
export function hasPgBouncer(): boolean {
  return spawnSync(PROGRAM, ['--version']).status === 0;
}

/** A pooler that lends connections by the transaction. `upstream`: a port of 127.0.0.1 behind which PostgreSQL answers. */
export async function startPgBouncer(upstream: number): Promise<PgBouncer> {
  const { user } = inject('postgres');
  const room = await mkdtemp(join(tmpdir(), 'pf-bouncer-'));
  await chmod(room, 0o755);
  const port = await freePort();
  await writeFile(join(room, 'users.txt'), `"${user}" ""\n`);
  await writeFile(join(room, 'pgbouncer.ini'), configuration({ room, port, upstream, user }));
  const asRoot = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(PROGRAM, [...asRoot, '-q', join(room, 'pgbouncer.ini')], { stdio: 'ignore' });
  await untilOpen(child, port);
  return {
    url: (database) => `postgresql://${user}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGQUIT');
      await exited;
      await rm(room, { recursive: true, force: true });
    },
  };
}

function configuration(at: { room: string; port: number; upstream: number; user: string }): string {
  return `[databases]
* = host=127.0.0.1 port=${at.upstream} user=${at.user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${at.port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(at.room, 'users.txt')}
pool_mode = transaction
default_pool_size = 10
ignore_startup_parameters = options,extra_float_digits
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilOpen(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await sleep(20);
  }
  throw new Error('pgbouncer does not listen');
}
