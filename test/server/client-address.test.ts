import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createClientAddress, isAddressRange, networkOf, trustIn } from '../../src/server/client-address.ts';

const PROXIES = ['10.0.0.0/8', '2001:db8:1::/48', '192.0.2.7'];

function from(remoteAddress: string | undefined, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe('the address of a client', () => {
  it.each([
    ['the peer, when nobody is trusted', [], from('198.51.100.1', '203.0.113.9'), '198.51.100.1'],
    ['the peer, when it is no proxy of ours', PROXIES, from('198.51.100.1', '203.0.113.9'), '198.51.100.1'],
    ['the peer, when the proxy says nothing', PROXIES, from('10.1.2.3'), '10.1.2.3'],
    ['whom the proxy names', PROXIES, from('10.1.2.3', '203.0.113.9'), '203.0.113.9'],
    [
      'the rightmost who is no proxy',
      PROXIES,
      from('10.1.2.3', '1.1.1.1, 203.0.113.9, 10.9.9.9'),
      '203.0.113.9',
    ],
    ['not whom the client itself names', PROXIES, from('10.1.2.3', '127.0.0.1, 203.0.113.9'), '203.0.113.9'],
    ['the furthest proxy, when all are', PROXIES, from('10.1.2.3', '192.0.2.7, 10.0.0.1'), '192.0.2.7'],
    ['the proxy that wrote what is no address', PROXIES, from('10.1.2.3', 'evil, 10.4.4.4'), '10.4.4.4'],
    ['the peer, when the list is empty', PROXIES, from('10.1.2.3', ''), '10.1.2.3'],
    ['without its port', PROXIES, from('10.1.2.3', '203.0.113.9:4711'), '203.0.113.9'],
    ['without brackets and port', PROXIES, from('10.1.2.3', '[2001:db8::5]:4711'), '2001:db8::5'],
    ['IPv4 that came by a socket of IPv6', PROXIES, from('::ffff:10.1.2.3', '203.0.113.9'), '203.0.113.9'],
    ['IPv4 that is written as IPv6', PROXIES, from('10.1.2.3', '::FFFF:203.0.113.9'), '203.0.113.9'],
    [
      'IPv4 that is written as IPv6 in full',
      PROXIES,
      from('10.1.2.3', '0:0:0:0:0:ffff:cb00:7109'),
      '203.0.113.9',
    ],
    [
      'IPv6 in its shortest spelling',
      PROXIES,
      from('2001:0DB8:0001::1', '2001:0db8:0:0::0005'),
      '2001:db8::5',
    ],
    ['IPv6 without its zone', [], from('fe80::1%eth0'), 'fe80::1'],
    ['unknown, when the connection is gone', PROXIES, from(undefined, '203.0.113.9'), 'unknown'],
  ])('is %s', (_what, trusted, req, address) => {
    expect(createClientAddress(trustIn(trusted))(req)).toBe(address);
  });
});

describe('a range of addresses', () => {
  it.each(['10.0.0.0/8', '192.0.2.7', '::1', '2001:db8::/32', '0.0.0.0/0', '::/128'])('is %s', (text) => {
    expect(isAddressRange(text)).toBe(true);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/8/8',
    'proxy.example.com',
    '10.0.0.0/',
    '1.1.1.1/-1',
  ])('is not %j', (text) => {
    expect(isAddressRange(text)).toBe(false);
  });
});

describe('what counts as one client', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::5', '2001:db8:0:0::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
