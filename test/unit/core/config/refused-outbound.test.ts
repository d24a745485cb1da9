// Outbound and egress listeners that would give something away, or could not work.
import { expect, it } from 'vitest';
import { edit, errorsOf, listener } from './config-text.ts';

const PEER = 'spiffe://example.org/ns/shop/sa/cart';
const TO_CART = `address: cart.shop:8443, tls: mutual, peers: ["${PEER}"]`;

/** MINIMAL with an outbound listener before its own. */
const outbound = (keys: string, upstream: string, address = '127.0.0.1:9001'): string =>
  edit(
    'listeners:',
    `listeners:\n  - { name: out, direction: outbound, address: ${address}${keys}, upstream: { ${upstream} } }`,
  );

/** MINIMAL with an egress listener before its own. */
const egress = (destination: string, address = '127.0.0.1:3128'): string =>
  edit(
    'listeners:',
    `listeners:\n  - { name: egress, direction: outbound, address: ${address}, protocol: http-proxy, destinations: [${destination}] }`,
  );

const ROWS: { name: string; text: string; expect: RegExp[] }[] = [
  // outbound
  {
    name: 'an outbound listener in plaintext',
    text: outbound('', 'address: cart.shop:8443'),
    expect: [
      /^5:74 ERR_CONFIG_CONFLICT the outbound listener `out` would send plaintext \| add `tls: mutual`/,
    ],
  },
  {
    name: 'mutual TLS with anybody',
    text: outbound('', 'address: cart.shop:8443, tls: mutual'),
    expect: [/the upstream of `out` has `tls: mutual` and no `peers`/],
  },
  {
    name: 'peers of plaintext',
    text: edit('127.0.0.1:8080', `{ address: 127.0.0.1:8080, peers: ["${PEER}"] }`),
    expect: [/the upstream of `inbound` has `peers`, which plaintext cannot show/],
  },
  ...[
    'x',
    'spiffe://example.org',
    'spiffe://example*',
    'spiffe://*',
    'example.org/ns/a/sa/b',
    '*',
    `${PEER}/`,
  ].map((peer) => ({
    name: `the peer ${peer}`,
    text: outbound('', `address: cart.shop:8443, tls: mutual, peers: ["${peer}"]`),
    expect: [/ERR_CONFIG_VALUE .*is not a SPIFFE ID, or one that ends with `\*` after its trust domain/],
  })),
  {
    name: 'an outbound listener for everybody',
    text: outbound('', TO_CART, '0.0.0.0:9001'),
    expect: [
      /gives this workload’s identity to everybody who reaches `0.0.0.0:9001` \| write `127.0.0.1:9001`/,
    ],
  },
  ...['permissive', 'server-tls'].map((mtls) => ({
    name: `an outbound listener with mtls: ${mtls}`,
    text: outbound(`, mtls: ${mtls}`, TO_CART),
    expect: [/callers without identity would get that of this workload \| write `off`/],
  })),
  {
    name: 'no upstream',
    text: edit('    upstream: 127.0.0.1:8080\n', ''),
    expect: [/ERR_CONFIG_CONFLICT listener `inbound` has no `upstream` \| add `upstream: 127.0.0.1:8080`/],
  },
  // egress
  {
    name: 'an inbound http-proxy',
    text: listener('protocol: http-proxy'),
    expect: [
      /`inbound` has an `upstream`, but its requests name where they go/,
      /is an inbound listener: whoever reaches it could go on from here \| add `direction: outbound`/,
      /`inbound` has no `destinations`/,
    ],
  },
  {
    name: 'an egress proxy for everybody',
    text: egress('{ host: api.example.com }', '0.0.0.0:3128'),
    expect: [/gives this workload’s identity to everybody who reaches `0.0.0.0:3128`/],
  },
  {
    name: 'destinations of an ordinary listener',
    text: listener('destinations: [{ host: api.example.com }]'),
    expect: [/`destinations` of `inbound` needs `protocol: http-proxy`/],
  },
  {
    name: 'DNS servers of an ordinary listener',
    text: listener('dnsServers: [10.0.0.10]'),
    expect: [/`dnsServers` of `inbound` needs `protocol: http-proxy`/],
  },
  {
    name: 'a CA for a tunnel',
    text: egress('{ host: api.example.com, ca: ca.pem }'),
    expect: [/`ca` of `api.example.com`: with `tls: tunnel` the caller verifies the server/],
  },
  ...[
    '*',
    '*.com',
    'a*.example.com',
    '*.*.example.com',
    'API.example.com',
    'http://a.b',
    'a.b:443',
    '2130706433',
    '',
  ].map((host) => ({
    name: `the destination ${host}`,
    text: egress(`{ host: "${host}" }`),
    expect: [/ERR_CONFIG_VALUE .*is not a host name in lower case, `\*.` before one/],
  })),
  {
    name: 'a block that is none',
    text: egress('{ host: a.example.com, addresses: [10.0.0.0/33] }'),
    expect: [/is not an IP address or a CIDR/],
  },
  {
    name: 'a DNS server by name',
    text: egress('{ host: a.example.com }').replace('http-proxy,', 'http-proxy, dnsServers: [dns.local],'),
    expect: [/is not an IP address, with or without a port/],
  },
];

it.each(ROWS)('$name', ({ text, expect: expected }) => {
  const found = errorsOf(text);
  expect(found).toHaveLength(expected.length);
  for (const [i, pattern] of expected.entries()) expect(found[i]).toMatch(pattern);
});
