// Which addresses are public: the edges of every block, and what a listed block changes.
import { expect, test } from 'vitest';
import { parseIp } from '../../../../core/ip.ts';
import { PublicAddresses } from '../../../../proxy/egress/special-addresses.ts';

const isPublic = (text: string, listed: readonly string[] = []): boolean => {
  const ip = parseIp(text);
  if (ip === null) throw new Error(`${text} is no address`);
  return new PublicAddresses(listed).includes(ip);
};

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450:4001:81b::200e',
  '2001:200::1',
  '2003::1',
])('%s is public', (ip) => {
  expect(isPublic(ip)).toBe(true);
});

test.each([
  '0.0.0.0',
  '0.255.255.255',
  '10.0.0.0',
  '10.255.255.255',
  '100.64.0.0',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.0.0',
  '169.254.169.254',
  '172.16.0.0',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.0',
  '192.168.255.255',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.0',
  '239.255.255.255',
  '240.0.0.0',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:10.0.0.1',
  '::10.0.0.1',
  '64:ff9b::1.1.1.1',
  '64:ff9b:1::1',
  '100::1',
  '1fff:ffff::1',
  '2001::1',
  '2001:1ff::1',
  '2001:db8::1',
  '2002:808:808::1',
  '3fff::1',
  '4000::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
])('%s is not', (ip) => {
  expect(isPublic(ip)).toBe(false);
});

test.each([
  { ip: '10.1.2.3', listed: ['10.1.0.0/16'], expect: true },
  { ip: '10.2.2.3', listed: ['10.1.0.0/16'], expect: false },
  { ip: '127.0.0.1', listed: ['127.0.0.1'], expect: true },
  { ip: '127.0.0.2', listed: ['127.0.0.1'], expect: false },
  { ip: '::ffff:127.0.0.1', listed: ['127.0.0.1'], expect: true },
  { ip: 'fd00::1', listed: ['fd00::/8'], expect: true },
  { ip: '1.1.1.1', listed: ['10.0.0.0/8'], expect: true },
])('$ip with $listed listed: $expect', ({ ip, listed, expect: expected }) => {
  expect(isPublic(ip, listed)).toBe(expected);
});
