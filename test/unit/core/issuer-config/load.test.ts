// The issuer's file: what it may say, and what its author reads when it says something else.
import { describe, expect, it } from 'vitest';
import { SallyportError } from '../../../../core/errors.ts';
import { parseIssuerConfig } from '../../../../core/issuer-config/load.ts';

const MINIMAL = 'trustDomain: example.org\nsecretFile: issuer.secret\n';
const FILE = '/etc/sallyport/issuer.yaml';
const WORKLOAD = 'id: "spiffe://example.org/ns/shop/sa/web", socket: web, uid: 1000';
const KUBERNETES = 'apiServer: "https://10.0.0.1:6443", caFile: ca.pem, tokenFile: token';

function errorsOf(text: string): string[] {
  try {
    parseIssuerConfig(text, FILE);
    return [];
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return error.diagnostics.map(
      ({ at, code, message, hint }) => `${at?.line}:${at?.column} ${code} ${message} | ${hint ?? ''}`,
    );
  }
}

describe('the least that is needed', () => {
  it('has a default for the rest, and paths from the file on', () => {
    expect(parseIssuerConfig(MINIMAL, FILE)).toMatchObject({
      state: '/etc/sallyport/state',
      secretFile: '/etc/sallyport/issuer.secret',
      svid: { ttl: 3_600_000 },
      ca: { ttl: 365 * 86_400_000, overlap: 86_400_000 },
      listen: { address: { host: '0.0.0.0', port: 8444 }, dnsNames: [] },
      status: { address: { host: '127.0.0.1', port: 15_022 } },
      workloads: [],
    });
    const { kubernetes, bundleEndpoint } = parseIssuerConfig(MINIMAL, FILE);
    expect([kubernetes, bundleEndpoint]).toEqual([undefined, undefined]);
  });

  it('takes everything else too', () => {
    const text = `${MINIMAL}kubernetes: { ${KUBERNETES}, namespaces: [shop] }
workloads: [{ ${WORKLOAD}, gid: 1000, dnsNames: [web.example.org], hint: internal }]
bundleEndpoint: { address: "0.0.0.0:8446", certificate: web.pem, key: web.key }
federation:
  - { trustDomain: a.example, endpoint: "https://a.example/bundle.json", ca: a-web.pem }
  - { trustDomain: b.example, file: b.pem }
`;
    expect(parseIssuerConfig(text, FILE)).toMatchObject({
      kubernetes: { caFile: '/etc/sallyport/ca.pem', audience: 'sallyport', timeout: 3_000 },
      workloads: [{ uid: 1000, gid: 1000, hint: 'internal' }],
      bundleEndpoint: { key: '/etc/sallyport/web.key' },
      federation: [
        { ca: '/etc/sallyport/a-web.pem', cache: '/etc/sallyport/state/federation/a.example.json' },
        { file: '/etc/sallyport/b.pem', cache: null },
      ],
    });
  });
});

describe('refused, with place and hint', () => {
  const rows: { name: string; text: string; expect: RegExp }[] = [
    { name: 'empty', text: '', expect: /^1:1 ERR_CONFIG_SYNTAX the file is empty \| docs\/issuer.md has/ },
    { name: 'no secret', text: 'trustDomain: a\n', expect: /ERR_CONFIG_MISSING `secretFile` is missing/ },
    {
      name: 'a typo',
      text: `${MINIMAL}sate: a\n`,
      expect: /^3:1 ERR_CONFIG_KEY unknown key `sate` \| did you mean `state`/,
    },
    { name: 'a URL', text: MINIMAL.replace('example', 'spiffe://example'), expect: /^1:14 ERR_CONFIG_VALUE/ },
    {
      name: 'a name',
      text: `${MINIMAL}listen: { address: "localhost:1" }\n`,
      expect: /^3:20 ERR_CONFIG_VALUE/,
    },
    {
      name: 'an upper-case name',
      text: `${MINIMAL}listen: { dnsNames: [A.example] }\n`,
      expect: /^3:22 ERR/,
    },
    { name: 'a life without unit', text: `${MINIMAL}svid: { ttl: 60 }\n`, expect: /^3:14 ERR_CONFIG_TYPE/ },
    {
      name: 'a life of a second',
      text: `${MINIMAL}svid: { ttl: 1s }\n`,
      expect: /out of range \| allowed: 10s/,
    },
    {
      name: 'the own trust domain as a foreign one',
      text: `${MINIMAL}federation: [{ trustDomain: example.org, file: b.pem }]\n`,
      expect: /^3:29 ERR_CONFIG_CONFLICT `example.org` is the own trust domain/,
    },
    {
      name: 'a foreign trust domain twice',
      text: `${MINIMAL}federation: [{ trustDomain: b.example, file: b.pem }, { trustDomain: b.example, file: c.pem }]\n`,
      expect: /^3:70 ERR_CONFIG_CONFLICT `b.example` has a bundle already/,
    },
    {
      name: 'a foreign trust domain without source',
      text: `${MINIMAL}federation: [{ trustDomain: b.example }]\n`,
      expect: /no source of its bundle \| write exactly one of `file`, `endpoint`$/,
    },
    {
      name: 'a foreign trust domain with two sources',
      text: `${MINIMAL}federation: [{ trustDomain: b.example, file: b.pem, endpoint: "https://b.example/" }]\n`,
      expect: /2 sources of its bundle/,
    },
    {
      name: 'a CA of no endpoint',
      text: `${MINIMAL}federation: [{ trustDomain: b.example, file: b.pem, ca: ca.pem }]\n`,
      expect: /`ca` is for an `endpoint`/,
    },
    {
      name: 'a trust domain that policies read as the own one',
      text: `${MINIMAL}federation: [{ trustDomain: cluster.local, file: b.pem }]\n`,
      expect: /^3:29 ERR_CONFIG_CONFLICT `cluster.local` in a policy/,
    },
    {
      name: 'a key of the proxy in federation',
      text: `${MINIMAL}federation: [{ trustDomain: b.example, workloadApi: "unix:///a" }]\n`,
      expect: /unknown key `federation\[0\].workloadApi`/,
    },
    {
      name: 'an endpoint without TLS',
      text: `${MINIMAL}federation: [{ trustDomain: b.example, endpoint: "http://b.example/" }]\n`,
      expect: /^3:50 ERR_CONFIG_VALUE/,
    },
    {
      name: 'a CA without room',
      text: `${MINIMAL}ca: { ttl: 2d }\n`,
      expect: /^3:12 ERR_CONFIG_CONFLICT .*`ca.overlap`/,
    },
    {
      name: 'a CA that is short',
      text: `${MINIMAL}ca: { ttl: 5h, overlap: 1h }\n`,
      expect: /six times `svid.ttl`/,
    },
    {
      name: 'token lives',
      text: `${MINIMAL}joinTokens: { ttl: 2h, ttlMax: 1h }\n`,
      expect: /^3:20 ERR_CONFIG_CONFLICT/,
    },
    {
      name: 'every namespace',
      text: `${MINIMAL}kubernetes: { ${KUBERNETES} }\n`,
      expect: /`kubernetes.namespaces` is missing/,
    },
    {
      name: 'no namespace',
      text: `${MINIMAL}kubernetes: { ${KUBERNETES}, namespaces: [] }\n`,
      expect: /has no entries/,
    },
    {
      name: 'all namespaces',
      text: `${MINIMAL}kubernetes: { ${KUBERNETES}, namespaces: ["*"] }\n`,
      expect: /ERR_CONFIG_VALUE `kubernetes.namespaces\[0\]`/,
    },
    {
      name: 'plaintext to the API server',
      text: `${MINIMAL}kubernetes: { ${KUBERNETES.replace('https', 'http')}, namespaces: [a] }\n`,
      expect: /is not an `https:\/\/` URL/,
    },
    {
      name: 'a path at the API server',
      text: `${MINIMAL}kubernetes: { ${KUBERNETES.replace('6443', '6443/api')}, namespaces: [a] }\n`,
      expect: /without path/,
    },
    {
      name: 'no user',
      text: `${MINIMAL}workloads: [{ id: "spiffe://example.org/a", socket: a }]\n`,
      expect: /`workloads\[0\].uid` is missing/,
    },
    {
      name: 'a foreign ID',
      text: `${MINIMAL}workloads: [{ ${WORKLOAD.replace('example.org', 'other.org')} }]\n`,
      expect: /is not of trust domain/,
    },
    {
      name: 'our own ID',
      text: `${MINIMAL}workloads: [{ ${WORKLOAD.replace('ns/shop/sa/web', 'sallyport/issuer')} }]\n`,
      expect: /is kept for sallyport itself/,
    },
    {
      name: 'a trust domain',
      text: `${MINIMAL}workloads: [{ ${WORKLOAD.replace('/ns/shop/sa/web', '')} }]\n`,
      expect: /a SPIFFE ID with a path/,
    },
    {
      name: 'a path for a socket',
      text: `${MINIMAL}workloads: [{ ${WORKLOAD.replace('socket: web', 'socket: ../web')} }]\n`,
      expect: /is not a file name/,
    },
    {
      name: 'one socket twice',
      text: `${MINIMAL}workloads: [{ ${WORKLOAD} }, { ${WORKLOAD} }]\n`,
      expect: /^3:137 ERR_CONFIG_CONFLICT `web` is taken/,
    },
    {
      name: 'a long path',
      text: `${MINIMAL}socketsDirectory: ${'a'.repeat(90)}\nworkloads: [{ ${WORKLOAD} }]\n`,
      expect: /longer than 107 bytes/,
    },
    {
      name: 'a long state',
      text: `${MINIMAL}state: ${'a'.repeat(90)}\n`,
      expect: /^3:8 .*longer than 107 bytes/,
    },
    {
      name: 'one address twice',
      text: `${MINIMAL}status: { address: "127.0.0.1:8444" }\n`,
      expect: /^3:20 .* is taken by another address/,
    },
    {
      name: 'half an endpoint',
      text: `${MINIMAL}bundleEndpoint: { address: "0.0.0.0:1", key: a }\n`,
      expect: /`bundleEndpoint.certificate` is missing/,
    },
  ];
  it.each(rows)('$name', ({ text, expect: said }) => {
    expect(errorsOf(text).join('\n')).toMatch(said);
  });

  it('names every fault of a file', () => {
    expect(errorsOf('trustDomain: "*"\nsvid: { ttl: x }\nextra: 1\n')).toHaveLength(4);
  });
});
