import { spawnSync } from 'node:child_process';

const UNSHARE = 'unshare';
const IP = 'ip';

/** A host of its own, by a network namespace: one link to the database, one to the clients. */
export interface Namespace {
  /** Where the database is reached from inside: what listens here is on our side. */
  readonly databaseHost: string;
  /** Where a server inside listens. */
  readonly serverHost: string;
  /** Before a command: runs it inside. */
  readonly prefix: readonly string[];
  /** Packets to the database vanish; nobody is told. */
  blackhole(isOn: boolean): void;
  /** The link to the database is down. */
  link(isUp: boolean): void;
  remove(): void;
}

/** Why there can be none here, or null when there can. */
export function namespacesMissing(): string | null {
  const probe = spawnSync(UNSHARE, ['-n', 'true'], { encoding: 'utf8' });
  if (probe.status === 0 && spawnSync(IP, ['-V']).status === 0) return null;
  return `network namespaces need root and iproute2: ${probe.stderr || String(probe.error ?? 'no ip')}`;
}

export function createNamespace(): Namespace {
  const name = `pf-${process.pid}`;
  const subnet = `10.213.${process.pid % 250}`;
  const ip = (...args: string[]) => {
    const { status, stderr } = spawnSync(IP, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
  };
  ip('netns', 'add', name);
  const link = (kind: string, ours: string, theirs: string) => {
    const [here, there] = [`pf${kind}${process.pid}h`, `pf${kind}${process.pid}n`];
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name);
    ip('addr', 'add', `${ours}/30`, 'dev', here);
    ip('link', 'set', here, 'up');
    ip('-n', name, 'addr', 'add', `${theirs}/30`, 'dev', there);
    ip('-n', name, 'link', 'set', there, 'up');
    return here;
  };
  const databaseHost = `${subnet}.1`;
  const serverHost = `${subnet}.6`;
  ip('-n', name, 'link', 'set', 'lo', 'up');
  const databaseLink = link('d', databaseHost, `${subnet}.2`);
  link('c', `${subnet}.5`, serverHost);
  return {
    databaseHost,
    serverHost,
    prefix: [IP, 'netns', 'exec', name],
    blackhole: (isOn) => ip('-n', name, 'route', isOn ? 'add' : 'del', 'blackhole', `${databaseHost}/32`),
    link: (isUp) => ip('link', 'set', databaseLink, isUp ? 'up' : 'down'),
    remove: () => ip('netns', 'del', name),
  };
}
