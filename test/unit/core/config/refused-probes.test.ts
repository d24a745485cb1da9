// Health checks that a listener lets through without a rule: a closed list, and only where it can work.
import { describe, expect, it } from 'vitest';
import { edit, errorsOf, listener } from './config-text.ts';

const CHECK = 'grpc.health.v1.Health/Check';
const PEER = 'spiffe://example.org/ns/shop/sa/cart';
/** MINIMAL before an application that speaks gRPC. */
const h2c = (probes: string): string =>
  edit('127.0.0.1:8080', `{ address: 127.0.0.1:8080, protocol: h2c }\n    probes: ${probes}`);

describe('refused', () => {
  const rows: { name: string; text: string; expect: RegExp[] }[] = [
    {
      name: 'before an application of HTTP/1.1',
      text: listener(`probes: [${CHECK}]`),
      expect: [
        /`probes` of `inbound` are calls of gRPC, and its upstream speaks HTTP\/1.1 \| add `protocol: h2c`/,
      ],
    },
    {
      name: 'on an outbound listener',
      text: edit(
        'listeners:',
        `listeners:\n  - { name: out, direction: outbound, address: 127.0.0.1:9001, probes: [${CHECK}], upstream: { address: cart.shop:8443, protocol: h2, tls: mutual, peers: ["${PEER}"] } }`,
      ),
      expect: [/`probes` of the outbound listener `out`/],
    },
    { name: 'a text', text: h2c(CHECK), expect: [/must be a list/] },
    ...[
      '/healthz',
      '*',
      '',
      `/${CHECK}`,
      'grpc.health.v1.Health/*',
      'grpc.health.v1.Health/List',
      'grpc.health.v1.Health/check',
      'Check',
    ].map((name) => ({
      name: `the probe \`${name}\``,
      text: h2c(`["${name}"]`),
      expect: [/is not `grpc.health.v1.Health\/Check` or `grpc.health.v1.Health\/Watch`/],
    })),
  ];
  it.each(rows)('$name', ({ text, expect: expected }) => {
    const found = errorsOf(text);
    expect(found).toHaveLength(expected.length);
    for (const [i, want] of expected.entries()) expect(found[i]).toMatch(want);
  });
});

it('both may be named', () => {
  expect(errorsOf(h2c(`[${CHECK}, grpc.health.v1.Health/Watch]`))).toEqual([]);
});
