// Whom a listener may believe a client's address, and whom an upstream may be told it.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../core/config/load.ts';
import { edit, errorsOf, FILE, listener } from './config-text.ts';

const MUTUAL = 'tls: mutual, peers: ["spiffe://example.org/ns/shop/sa/cart"]';

describe('refused, with place and hint', () => {
  const rows: { name: string; text: string; expect: RegExp[] }[] = [
    {
      name: 'a PROXY protocol that nobody is trusted with',
      text: listener('proxyProtocol: { trust: [] }'),
      expect: [/^8:29 ERR_CONFIG_VALUE `listeners\[0\].proxyProtocol.trust` has no entries/],
    },
    {
      name: 'a PROXY protocol without trust',
      text: listener('proxyProtocol: {}'),
      expect: [/^8:20 ERR_CONFIG_MISSING `listeners\[0\].proxyProtocol.trust` is missing/],
    },
    {
      name: 'a PROXY protocol as a word',
      text: listener('proxyProtocol: v2'),
      expect: [/^8:20 ERR_CONFIG_TYPE .*proxyProtocol` must be a mapping, not the text `v2`/],
    },
    {
      name: 'a PROXY protocol without a value',
      text: listener('proxyProtocol:'),
      expect: [/^8:5 ERR_CONFIG_EMPTY/],
    },
    {
      name: 'trust in one text',
      text: listener('proxyProtocol: { trust: 10.0.0.0/8 }'),
      expect: [/`listeners\[0\].proxyProtocol.trust` must be a list, not the text/],
    },
    {
      name: 'trust in everybody',
      text: listener('proxyProtocol: { trust: [10.0.0.0/8, 0.0.0.0/0] }'),
      expect: [/^8:42 ERR_CONFIG_VALUE .*trust\[1\]`: `0.0.0.0\/0` is not an IP .*, and not every address/],
    },
    {
      name: 'trust in everybody of IPv6',
      text: listener('proxyProtocol: { trust: ["::/0"] }'),
      expect: [/`::\/0` is not an IP address or a block/],
    },
    {
      name: 'trust in a name',
      text: listener('proxyProtocol: { trust: [balancer.shop] }'),
      expect: [/`balancer.shop` is not an IP address or a block/],
    },
    {
      name: 'trust in a bad block',
      text: listener('proxyProtocol: { trust: [10.0.0.0/33] }'),
      expect: [/`10.0.0.0\/33` is not an IP address or a block/],
    },
    {
      name: 'trust in hops, at the wrong place',
      text: listener('proxyProtocol: { trust: 1 }'),
      expect: [/must be a list, not the number `1`/],
    },
    {
      name: 'an unknown key of the PROXY protocol',
      text: listener('proxyProtocol: { trust: [10.0.0.1], version: 2 }'),
      expect: [/unknown key `listeners\[0\].proxyProtocol.version` \| known here: trust/],
    },
    {
      name: 'version 1 to the application',
      text: edit('upstream: 127.0.0.1:8080', 'upstream: { address: 127.0.0.1:8080, proxyProtocol: v1 }'),
      expect: [/`listeners\[0\].upstream.proxyProtocol` is `v1` \| .*allowed: `off`, `v2`/],
    },
    {
      name: 'a PROXY header before the TLS of an upstream',
      text: edit(
        'upstream: 127.0.0.1:8080',
        `upstream: { address: 127.0.0.1:8080, proxyProtocol: v2, ${MUTUAL} }`,
      ),
      expect: [
        /^7:15 ERR_CONFIG_CONFLICT .*`proxyProtocol: v2` and `tls: mutual`: the header stands before TLS/,
      ],
    },
    {
      name: 'a PROXY header to a peer of an outbound listener',
      text: edit(
        'upstream: 127.0.0.1:8080',
        `direction: outbound\n    upstream: { address: cart.shop:8443, ${MUTUAL}, proxyProtocol: v2 }`,
      ).replace('0.0.0.0:8443', '127.0.0.1:9001'),
      expect: [/ERR_CONFIG_CONFLICT the upstream of `inbound` has `proxyProtocol: v2` and `tls: mutual`/],
    },
  ];
  it.each(rows)('$name', ({ text, expect: expected }) => {
    const found = errorsOf(text);
    expect(found).toHaveLength(expected.length);
    for (const [i, want] of expected.entries()) expect(found[i]).toMatch(want);
  });
});

describe('accepted', () => {
  it('one peer, IPv4 and IPv6 blocks', () => {
    const [one] = parseConfig(
      listener('proxyProtocol: { trust: [192.0.2.1, 10.0.0.0/8, "fd00::/8"] }'),
      FILE,
    ).listeners;
    expect(one?.proxyProtocol?.trust).toEqual(['192.0.2.1', '10.0.0.0/8', 'fd00::/8']);
  });

  it('nobody, when nothing is said', () => {
    const [one] = parseConfig(listener(''), FILE).listeners;
    expect(one?.proxyProtocol).toBeUndefined();
    expect(one?.upstream?.proxyProtocol).toBe('off');
  });
});
