// Who may speak for others, by the address of the TCP peer.
import { expect, test } from 'vitest';
import { TrustedPeers } from '../../../../proxy/proxy-protocol/trusted-peers.ts';

const rows = [
  { name: 'inside', trust: ['10.0.0.0/8'], ip: '10.255.0.1', expect: true },
  { name: 'the second block', trust: ['10.0.0.0/8', 'fd00::/8'], ip: 'fd12::1', expect: true },
  { name: 'one address', trust: ['192.0.2.1'], ip: '192.0.2.1', expect: true },
  { name: 'a mapped block', trust: ['::ffff:10.0.0.0/104'], ip: '10.1.1.1', expect: true },
  { name: 'a mapped peer', trust: ['10.0.0.0/8'], ip: '::ffff:10.1.1.1', expect: true },
  { name: 'outside', trust: ['10.0.0.0/8'], ip: '11.0.0.1', expect: false },
  { name: 'another address', trust: ['192.0.2.1'], ip: '192.0.2.10', expect: false },
  { name: 'the other family', trust: ['10.0.0.0/8'], ip: 'fd12::1', expect: false },
  { name: 'the other family, same bits', trust: ['a00::/8'], ip: '10.0.0.1', expect: false },
  { name: 'nobody', trust: [], ip: '10.0.0.1', expect: false },
  { name: 'no address', trust: ['10.0.0.0/8'], ip: '', expect: false },
];

test.each(rows)('$name', ({ trust, ip, expect: wanted }) => {
  expect(new TrustedPeers(trust).includes(ip)).toBe(wanted);
});
