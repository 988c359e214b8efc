import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';
import type { Socket } from 'node:net';

/** Who sent a request, as an IP address in its one canonical spelling. */
export type ClientAddress = (req: Pick<IncomingMessage, 'headers' | 'socket'>) => string;

/** Whether an address, in its canonical spelling, is a proxy of ours. */
export type TrustsAddress = (address: string) => boolean;

/** A connection that is gone already has no address any more, and a UNIX socket never had one. */
const UNKNOWN = 'unknown';
const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const PREFIX_BITS_MAX = { 4: 32, 6: 128 } as const;

/**
 * `X-Forwarded-For` is what a client says unless a proxy of ours has said it: entries are believed from the right, for as long as the one who
 * wrote them is trusted. The client is the first who is not, or the furthest proxy when what it wrote is no address.
 */
export function createClientAddress(trusts: TrustsAddress): ClientAddress {
  return (req) => {
    let client = peerOf(req.socket);
    const forwarded = req.headers['x-forwarded-for'];
    if (typeof forwarded !== 'string') return client;
    for (const hop of forwarded.split(',').toReversed()) {
      if (!trusts(client)) return client;
      const address = hopAddress(hop.trim());
      if (address === null) return client;
      client = address;
    }
    return client;
  };
}

/** The network of who sent a request, of a connection without proxies looked up once: a socket's address costs more than a request may. */
export function createClientNetwork(clientAddress: ClientAddress): (req: IncomingMessage) => string {
  const ofSockets = new WeakMap<Socket, string>();
  return (req) => {
    const { socket } = req;
    if (req.headers['x-forwarded-for'] !== undefined) return networkOf(clientAddress(req));
    const known = ofSockets.get(socket);
    if (known !== undefined) return known;
    const network = networkOf(clientAddress(req));
    if (network !== UNKNOWN) ofSockets.set(socket, network);
    return network;
  };
}

/** @param trustedProxies addresses and CIDR ranges, each of them `isAddressRange` */
export function trustIn(trustedProxies: readonly string[]): TrustsAddress {
  if (trustedProxies.length === 0) return () => false;
  const trusted = rangesOf(trustedProxies);
  return (address) => {
    const version = isIP(address);
    return version !== 0 && trusted.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}

/** What is counted as one: of IPv6 whoever has one address has the 2^64 of its network. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - groups.length - after.length }, () => '0');
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}

/** Whether the text is an IP address, or a range of them such as `10.0.0.0/8`. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (more.length > 0 || (version !== 4 && version !== 6)) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= PREFIX_BITS_MAX[version]);
}

function rangesOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** The other end of a connection. */
export function peerOf({ remoteAddress }: Pick<Socket, 'remoteAddress'>): string {
  return remoteAddress === undefined ? UNKNOWN : canonical(remoteAddress);
}

/** Some proxies write the port as well. */
function hopAddress(hop: string): string | null {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
  return isIP(bare) === 0 ? null : canonical(bare);
}

/** One spelling an address: IPv6 has many, and a server that listens on both families shows IPv4 clients as IPv6. */
function canonical(address: string): string {
  const inside = IPV4_IN_IPV6.exec(address)?.[1];
  if (inside !== undefined) return inside;
  if (!address.includes(':')) return address;
  // The zone says on which of our interfaces, not who it is.
  const [bare = ''] = address.split('%', 1);
  const shown = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  return IPV4_IN_IPV6.exec(shown)?.[1] ?? shown;
}
