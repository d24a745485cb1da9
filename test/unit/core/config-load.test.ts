// core/config-load.ts: what a configuration file may say, and what a user reads when it says something else.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../../core/config.ts';
import { explainConfig, loadConfig, parseConfig } from '../../../core/config-load.ts';
import { SallyportError } from '../../../core/errors.ts';

const FILE = '/etc/sallyport/sallyport.yaml';

const MINIMAL = `identity:
  trustDomain: example.org
  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca.pem } }
listeners:
  - name: inbound
    address: 0.0.0.0:8443
    upstream: 127.0.0.1:8080
policy: { files: [policies/] }
`;

// design.md's "Configuration file" block, word for word.
const FULL = `workload: { namespace: default, serviceAccount: web, labels: { app: web } }   # namespace and account default to the SVID's; a mismatch is an error
identity:
  trustDomain: example.org
  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca.pem }, crls: {} }   # chain leaf first; or
  # workloadApi: { socket: unix:///run/spire/agent.sock }
listeners:
  - name: inbound
    address: 0.0.0.0:8443
    protocol: http              # http (h1, h2, gRPC by ALPN) | tcp | postgres
    mtls: strict                # strict | permissive | server-tls | off
    upstream: { address: 127.0.0.1:8080, protocol: http1, connectTimeout: 1s, idleTimeout: 4s, maxConnections: 1024 }
    port: 8080                  # the destination port that policies see; default: the upstream's port
    limits: { headBytes: 64KiB, headers: 100, bodyBytes: none, connections: 10000, connectionsPerIdentity: 2000, handshakesInFlight: 64, requestsInFlight: 10000 }
    timeouts: { handshake: 5s, head: 10s, request: 30s, idle: 5m, connectionAge: none }
    paths: { ambiguous: reject }    # reject | merge-slashes | decode-and-merge-slashes
    forwarded: sanitize         # sanitize | append | { trust: 1 }
policy: { files: [policies/], rootNamespace: istio-system, mode: enforce, defaultVerdict: deny, trustDomains: [], trustDomainAliases: [] }
status: { address: 0.0.0.0:15021 }        # /healthz /readyz /metrics only
admin: { address: 127.0.0.1:15000 }       # GET only, loopback Host only
log: { level: info, decisions: denied, sample: 0.01, fields: {}, redact: [] }
flows: { file: none, interval: 10s }
shutdown: { delay: 5s, drain: 30s }
`;

const EXPECTED: Config = {
  file: FILE,
  workload: { labels: {} },
  identity: {
    trustDomain: 'example.org',
    files: {
      certificate: '/etc/sallyport/tls.crt',
      key: '/etc/sallyport/tls.key',
      bundles: { 'example.org': '/etc/sallyport/ca.pem' },
      crls: {},
    },
    graceAfterExpiry: 0,
  },
  listeners: [
    {
      name: 'inbound',
      direction: 'inbound',
      address: { host: '0.0.0.0', port: 8443 },
      protocol: 'http',
      mtls: 'strict',
      upstream: {
        address: { host: '127.0.0.1', port: 8080 },
        protocol: 'http1',
        connectTimeout: 1000,
        idleTimeout: 4000,
        maxConnections: 1024,
      },
      port: 8080,
      limits: {
        headBytes: 65_536,
        headers: 100,
        bodyBytes: Number.POSITIVE_INFINITY,
        connections: 10_000,
        connectionsPerIdentity: 2000,
        handshakesInFlight: 64,
        requestsInFlight: 10_000,
      },
      timeouts: {
        handshake: 5000,
        head: 10_000,
        request: 30_000,
        idle: 300_000,
        connectionAge: Number.POSITIVE_INFINITY,
      },
      paths: { ambiguous: 'reject' },
      forwarded: 'sanitize',
    },
  ],
  policy: {
    files: ['/etc/sallyport/policies'],
    rootNamespace: 'istio-system',
    mode: 'enforce',
    defaultVerdict: 'deny',
    trustDomains: [],
    trustDomainAliases: [],
    revokeGrace: 0,
    emergencyMax: 86_400_000,
  },
  status: { address: { host: '0.0.0.0', port: 15_021 } },
  admin: { address: { host: '127.0.0.1', port: 15_000 } },
  log: { level: 'info', decisions: 'denied', sample: 0.01, fields: {}, redact: [] },
  flows: { file: null, interval: 10_000 },
  shutdown: { delay: 5000, drain: 30_000 },
};

/** MINIMAL with one text replaced. */
function edit(from: string, to: string): string {
  if (!MINIMAL.includes(from)) throw new Error(`MINIMAL has no ${from}`);
  return MINIMAL.replace(from, to);
}

/** MINIMAL with lines added to its listener. */
const listener = (lines: string): string =>
  edit('    upstream: 127.0.0.1:8080\n', `    upstream: 127.0.0.1:8080\n    ${lines}\n`);

function errorsOf(text: string): string[] {
  try {
    parseConfig(text, FILE);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return error.diagnostics.map(
      (d) =>
        `${d.at?.line}:${d.at?.column} ${d.code} ${d.message}${d.hint === undefined ? '' : ` | ${d.hint}`}`,
    );
  }
  return [];
}

describe('accepted', () => {
  it('the least that is needed, with every default', () => {
    expect(parseConfig(MINIMAL, FILE)).toEqual(EXPECTED);
  });

  it("design.md's block", () => {
    const workload = { namespace: 'default', serviceAccount: 'web', labels: { app: 'web' } };
    expect(parseConfig(FULL, FILE)).toEqual({ ...EXPECTED, workload });
  });

  it('a plain clone: no function, no class, so it may go to another process', () => {
    expect(structuredClone(parseConfig(MINIMAL, FILE))).toEqual(EXPECTED);
  });

  const rows: { name: string; text: string; read: (c: Config) => unknown; expect: unknown }[] = [
    {
      name: 'port',
      text: listener('port: 80'),
      read: (c) => c.listeners[0]?.port,
      expect: 80,
    },
    {
      name: 'IPv6',
      text: edit('0.0.0.0:8443', '"[::1]:8443"'),
      read: (c) => c.listeners[0]?.address,
      expect: { host: '::1', port: 8443 },
    },
    {
      name: 'any free port',
      text: edit('0.0.0.0:8443', '127.0.0.1:0'),
      read: (c) => c.listeners[0]?.address.port,
      expect: 0,
    },
    {
      name: 'an upstream by name',
      text: edit('127.0.0.1:8080', 'app.shop.svc:8080'),
      read: (c) => c.listeners[0]?.upstream.address.host,
      expect: 'app.shop.svc',
    },
    {
      name: 'forwarded hops',
      text: listener('forwarded: { trust: 2 }'),
      read: (c) => c.listeners[0]?.forwarded,
      expect: { trust: 2 },
    },
    {
      name: '`off` is a word in YAML 1.2',
      text: listener('mtls: off'),
      read: (c) => c.listeners[0]?.mtls,
      expect: 'off',
    },
    {
      name: 'durations and sizes of every unit',
      text: listener(
        'timeouts: { head: 500ms, idle: 1h, connectionAge: 2d }\n    limits: { headBytes: 1MiB, bodyBytes: 3GiB }',
      ),
      read: (c) => [
        c.listeners[0]?.timeouts.head,
        c.listeners[0]?.timeouts.idle,
        c.listeners[0]?.limits.bodyBytes,
      ],
      expect: [500, 3_600_000, 3 * 1024 ** 3],
    },
    {
      name: 'an absolute path',
      text: edit('tls.crt', '/run/tls.crt'),
      read: (c) => c.identity.files.certificate,
      expect: '/run/tls.crt',
    },
    {
      name: 'an alias',
      text: `${listener('limits: &l { headers: 7 }')}`.replace(
        'policy:',
        '  - { name: two, address: 0.0.0.0:9443, upstream: 127.0.0.1:8080, limits: *l }\npolicy:',
      ),
      read: (c) => c.listeners[1]?.limits.headers,
      expect: 7,
    },
    {
      name: 'a flow file',
      text: `${MINIMAL}flows: { file: flows.jsonl }\n`,
      read: (c) => c.flows.file,
      expect: '/etc/sallyport/flows.jsonl',
    },
    {
      name: 'an alias that has no bundle',
      text: edit('[policies/]', '[policies/], trustDomainAliases: [old.org, example.org]'),
      read: (c) => c.policy.trustDomainAliases,
      expect: ['old.org', 'example.org'],
    },
    {
      name: 'the same port for two families',
      text: `${edit('0.0.0.0:8443', '127.0.0.1:8443')}status: { address: "[::1]:8443" }\n`,
      read: (c) => c.status.address.port,
      expect: 8443,
    },
    {
      name: 'private fields',
      text: `${MINIMAL}log: { redact: [source.ip, http.headers.x-user], fields: { pod: web-1 } }\n`,
      read: (c) => [c.log.redact, c.log.fields],
      expect: [['source.ip', 'http.headers.x-user'], { pod: 'web-1' }],
    },
  ];
  it.each(rows)('$name', ({ text, read, expect: expected }) => {
    expect(read(parseConfig(text, FILE))).toEqual(expected);
  });
});

describe('refused, with place and hint', () => {
  const rows: { name: string; text: string; expect: (string | RegExp)[] }[] = [
    // YAML
    { name: 'empty', text: '', expect: [/^1:1 ERR_CONFIG_SYNTAX the file is empty/] },
    { name: 'only a comment', text: '# nothing\n', expect: [/ERR_CONFIG_SYNTAX the file is empty/] },
    {
      name: 'tab',
      text: edit('  trustDomain', '\ttrustDomain'),
      expect: [/^2:1 ERR_CONFIG_SYNTAX a tab indents this line \| YAML indents with spaces/],
    },
    {
      name: 'duplicate key',
      text: `${MINIMAL}policy: { files: [other/] }\n`,
      expect: [/^9:1 ERR_CONFIG_SYNTAX the same key stands twice/],
    },
    {
      name: 'two documents',
      text: `${MINIMAL}---\n{}\n`,
      expect: [/^9:1 ERR_CONFIG_SYNTAX the file has more than one/],
    },
    { name: 'a tag', text: edit('tls.crt', '!env TLS'), expect: [/^3:25 ERR_CONFIG_SYNTAX/] },
    { name: 'a list', text: '- a\n', expect: [/^1:1 ERR_CONFIG_TYPE .* must be a mapping, not a list/] },
    { name: 'a text', text: 'hello\n', expect: [/^1:1 ERR_CONFIG_TYPE .* not the text `hello`/] },
    { name: 'unclosed', text: 'a: {', expect: [/ERR_CONFIG_SYNTAX/] },
    {
      name: 'an unknown alias',
      text: edit('tls.crt', '*nowhere'),
      expect: [/ERR_CONFIG_SYNTAX unresolved alias/i],
    },
    {
      name: 'an alias bomb',
      text: `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
      expect: [/ERR_CONFIG_SYNTAX excessive alias count/],
    },
    // keys
    {
      name: 'unknown key, near',
      text: edit('upstream:', 'upstraem:'),
      expect: [
        '5:5 ERR_CONFIG_MISSING `listeners[0].upstream` is missing',
        '7:5 ERR_CONFIG_KEY unknown key `listeners[0].upstraem` | did you mean `upstream`?',
      ],
    },
    {
      name: 'unknown key, far',
      text: `${MINIMAL}zebra: 1\n`,
      expect: [/^9:1 ERR_CONFIG_KEY unknown key `zebra` \| known here: workload, identity, listeners/],
    },
    {
      name: 'unknown key below the upstream',
      text: edit('upstream: 127.0.0.1:8080', 'upstream: { address: 127.0.0.1:8080, retries: 3 }'),
      expect: [/^7:42 ERR_CONFIG_KEY unknown key `listeners\[0\].upstream.retries`/],
    },
    {
      name: '__proto__',
      text: `${MINIMAL}__proto__: { admin: 1 }\n`,
      expect: [/ERR_CONFIG_KEY unknown key `__proto__`/],
    },
    {
      name: '__proto__ as a label',
      text: `${MINIMAL}workload: { labels: { __proto__: x } }\n`,
      expect: [/ERR_CONFIG_KEY unknown key `__proto__`/],
    },
    {
      name: 'a merge key',
      text: `${MINIMAL}log: { <<: { level: debug } }\n`,
      expect: [/ERR_CONFIG_KEY unknown key `log."<<"`/],
    },
    {
      name: 'no value',
      text: listener('limits:'),
      expect: ['8:5 ERR_CONFIG_EMPTY `listeners[0].limits` has no value | remove the key or give it a value'],
    },
    { name: 'null', text: listener('mtls: ~'), expect: [/^8:5 ERR_CONFIG_EMPTY/] },
    {
      name: 'upstream without a value',
      text: edit(' 127.0.0.1:8080', ''),
      expect: [/^7:5 ERR_CONFIG_EMPTY/],
    },
    {
      name: 'everything missing',
      text: 'log: { level: info }\n',
      expect: [
        '1:1 ERR_CONFIG_MISSING `identity` is missing',
        '1:1 ERR_CONFIG_MISSING `listeners` is missing',
        '1:1 ERR_CONFIG_MISSING `policy` is missing',
      ],
    },
    {
      name: 'no trust domain',
      text: edit('  trustDomain: example.org\n', ''),
      expect: [/^2:3 ERR_CONFIG_MISSING `identity.trustDomain` is missing \| allowed: a trust domain/],
    },
    // not built
    {
      name: 'workloadApi',
      text: edit('  trustDomain', '  workloadApi: { socket: unix:///run/agent.sock }\n  trustDomain'),
      expect: [/^2:3 ERR_CONFIG_NOT_BUILT `identity.workloadApi` is not built yet/],
    },
    { name: 'workers', text: `${MINIMAL}workers: 4\n`, expect: [/^9:1 ERR_CONFIG_NOT_BUILT `workers`/] },
    {
      name: 'routes',
      text: listener('routes: []'),
      expect: [/^8:5 ERR_CONFIG_NOT_BUILT `listeners\[0\].routes`/],
    },
    {
      name: 'outbound',
      text: listener('direction: outbound'),
      expect: [/^8:16 ERR_CONFIG_NOT_BUILT `listeners\[0\].direction: outbound` is not built yet/],
    },
    { name: 'tcp', text: listener('protocol: tcp'), expect: [/ERR_CONFIG_NOT_BUILT/] },
    { name: 'postgres', text: listener('protocol: postgres'), expect: [/ERR_CONFIG_NOT_BUILT/] },
    { name: 'http-proxy', text: listener('protocol: http-proxy'), expect: [/ERR_CONFIG_NOT_BUILT/] },
    {
      name: 'h2c',
      text: edit('upstream: 127.0.0.1:8080', 'upstream: { address: 127.0.0.1:8080, protocol: h2c }'),
      expect: [/ERR_CONFIG_NOT_BUILT `listeners\[0\].upstream.protocol: h2c`/],
    },
    {
      name: "the design's outbound listener",
      text: `${edit('listeners:', 'listeners:\n  - { name: to-cart, direction: outbound, address: 127.0.0.1:9001, protocol: http, upstream: { address: cart.shop:8443, tls: mutual, peers: ["x"] } }')}`,
      expect: [/NOT_BUILT .*direction/, /NOT_BUILT .*upstream.tls/, /NOT_BUILT .*upstream.peers/],
    },
    // values
    {
      name: 'a word misspelt',
      text: listener('mtls: strikt'),
      expect: [
        /^8:11 ERR_CONFIG_VALUE `listeners\[0\].mtls` is `strikt` \| did you mean `strict`\? allowed: `strict`/,
      ],
    },
    {
      name: 'mtls: false',
      text: listener('mtls: false'),
      expect: [/ERR_CONFIG_VALUE `listeners\[0\].mtls` is `false`/],
    },
    {
      name: 'a duration without a unit',
      text: listener('timeouts: { head: 10 }'),
      expect: [
        '8:23 ERR_CONFIG_TYPE `listeners[0].timeouts.head` must be a duration, not the number `10` | allowed: 100ms to 5m',
      ],
    },
    {
      name: 'a duration in words',
      text: listener('timeouts: { head: 10sec }'),
      expect: [
        /`listeners\[0\].timeouts.head`: `10sec` is not a duration \| write a whole number and ms, s, m, h or d/,
      ],
    },
    { name: 'a fraction', text: listener('timeouts: { head: 1.5s }'), expect: [/`1.5s` is not a duration/] },
    { name: 'negative', text: listener('timeouts: { head: -1s }'), expect: [/`-1s` is not a duration/] },
    {
      name: 'too long',
      text: listener('timeouts: { head: 6m }'),
      expect: [/out of range \| allowed: 100ms to 5m$/],
    },
    { name: 'too short', text: listener('timeouts: { head: 0s }'), expect: [/out of range/] },
    {
      name: 'none where it is not',
      text: listener('timeouts: { head: none }'),
      expect: [/`none` is not a duration/],
    },
    {
      name: 'decimal size',
      text: listener('limits: { headBytes: 64KB }'),
      expect: [/`64KB` is not a size \| .*KiB/],
    },
    {
      name: 'size too large',
      text: listener('limits: { headBytes: 1GiB }'),
      expect: [/allowed: 1KiB to 1MiB/],
    },
    {
      name: 'headers 0',
      text: listener('limits: { headers: 0 }'),
      expect: [/is 0, out of range \| allowed: 1 to 1000/],
    },
    {
      name: 'headers 1.5',
      text: listener('limits: { headers: 1.5 }'),
      expect: [/ERR_CONFIG_TYPE .*must be a number/],
    },
    {
      name: 'headers as text',
      text: listener('limits: { headers: "9" }'),
      expect: [/must be a number, not the text `9`/],
    },
    { name: 'not a number', text: listener('limits: { headers: .nan }'), expect: [/ERR_CONFIG_TYPE/] },
    { name: 'port 0', text: listener('port: 0'), expect: [/`listeners\[0\].port` is 0, out of range/] },
    { name: 'port 65536', text: listener('port: 65536'), expect: [/allowed: 1 to 65535/] },
    { name: 'sample 2', text: `${MINIMAL}log: { sample: 2 }\n`, expect: [/`log.sample` is 2, out of range/] },
    {
      name: 'trust 0',
      text: listener('forwarded: { trust: 0 }'),
      expect: [/ERR_CONFIG_VALUE .*forwarded.trust` is 0/],
    },
    {
      name: 'trust nothing',
      text: listener('forwarded: {}'),
      expect: [/ERR_CONFIG_MISSING .*forwarded.trust/],
    },
    {
      name: 'forwarded misspelt',
      text: listener('forwarded: sanitise'),
      expect: [/did you mean `sanitize`/],
    },
    // addresses
    {
      name: 'no port',
      text: edit('0.0.0.0:8443', '0.0.0.0'),
      expect: [/^6:14 ERR_CONFIG_VALUE .* is not an address/],
    },
    {
      name: 'only a port',
      text: edit('0.0.0.0:8443', '":8443"'),
      expect: [/names no interface \| write `0.0.0.0:8443`/],
    },
    { name: 'star', text: edit('0.0.0.0:8443', '"*:8443"'), expect: [/write `0.0.0.0:8443`/] },
    {
      name: 'a number',
      text: edit('0.0.0.0:8443', '8443'),
      expect: [/must be an address, not the number `8443`/],
    },
    { name: 'localhost', text: edit('0.0.0.0:8443', 'localhost:8443'), expect: [/write `127.0.0.1:8443`/] },
    {
      name: 'a name',
      text: edit('0.0.0.0:8443', 'web.shop:8443'),
      expect: [/is not an IP address and a port/],
    },
    {
      name: 'listen 70000',
      text: edit('0.0.0.0:8443', '0.0.0.0:70000'),
      expect: [/has port 70000 \| ports are 0/],
    },
    {
      name: 'bare IPv6',
      text: edit('0.0.0.0:8443', '"::1:8443"'),
      expect: [/is not an address \| .*brackets/],
    },
    { name: '256', text: edit('0.0.0.0:8443', '256.0.0.0:8443'), expect: [/is not an IP address/] },
    {
      name: 'an upstream URL',
      text: edit('127.0.0.1:8080', 'http://127.0.0.1:8080'),
      expect: [/is a URL \| leave the scheme/],
    },
    { name: 'upstream port 0', text: edit('127.0.0.1:8080', '127.0.0.1:0'), expect: [/^7:15 .*has port 0/] },
    { name: 'upstream IP typo', text: edit('127.0.0.1:8080', '127.0.0.1.1:8080'), expect: [/as its host/] },
    {
      name: 'upstream list',
      text: edit('127.0.0.1:8080', '[a, b]'),
      expect: [/ERR_CONFIG_TYPE .*upstream` must be a mapping/],
    },
    // lists, maps, texts
    {
      name: 'no listeners',
      text: edit(MINIMAL.slice(MINIMAL.indexOf('\n  - name'), MINIMAL.indexOf('policy:')), ' []\n'),
      expect: [/^4:12 ERR_CONFIG_VALUE `listeners` has no entries/],
    },
    {
      name: 'listeners as a mapping',
      text: edit(MINIMAL.slice(MINIMAL.indexOf('\n  - name'), MINIMAL.indexOf('policy:')), ' {}\n'),
      expect: [/must be a list, not a mapping/],
    },
    { name: 'no policy files', text: edit('[policies/]', '[]'), expect: [/`policy.files` has no entries/] },
    {
      name: 'policy files as text',
      text: edit('[policies/]', 'policies/'),
      expect: [/`policy.files` must be a list, not the text/],
    },
    { name: 'an empty path', text: edit('tls.crt', '""'), expect: [/ERR_CONFIG_VALUE/] },
    {
      name: 'a number as a label',
      text: `${MINIMAL}workload: { labels: { version: 1 } }\n`,
      expect: [/must be a text, not the number `1` \| put it in quotes: `"1"`/],
    },
    {
      name: 'a bad label name',
      text: `${MINIMAL}workload: { labels: { "a b": x } }\n`,
      expect: [/^9:23 ERR_CONFIG_VALUE the key `a b` is not a label name/],
    },
    {
      name: 'a bad namespace',
      text: `${MINIMAL}workload: { namespace: Shop }\n`,
      expect: [/`workload.namespace`: `Shop` is not a name of/],
    },
    {
      name: 'a scheme in the trust domain',
      text: edit('trustDomain: example.org', 'trustDomain: spiffe://example.org'),
      expect: [/`spiffe:\/\/example.org` is not a trust domain/],
    },
    {
      name: 'a star in the middle',
      text: edit('[policies/]', '[policies/], trustDomains: ["a*b"]'),
      expect: [/`policy.trustDomains\[0\]`: `a\*b` is not a trust domain/],
    },
    {
      name: 'an unknown private field',
      text: `${MINIMAL}log: { redact: [sourceip] }\n`,
      expect: [/`log.redact\[0\]`: `sourceip` is not one of/],
    },
    // between keys
    {
      name: 'no own bundle',
      text: edit('{ example.org: ca.pem }', '{ other.org: ca.pem }'),
      expect: [/^3:57 ERR_CONFIG_CONFLICT .*no bundle for the own trust domain `example.org`/],
    },
    {
      name: 'a CRL without bundle',
      text: edit('ca.pem } }', 'ca.pem }, crls: { b.org: b.crl } }'),
      expect: [/`b.org` has a CRL but no bundle/],
    },
    {
      name: 'an alias with a bundle',
      text: edit('ca.pem }', 'ca.pem, b.org: b.pem }').replace(
        '[policies/]',
        '[policies/], trustDomainAliases: [b.org]',
      ),
      expect: [/^8:52 ERR_CONFIG_CONFLICT `b.org` stands for .*impersonate/],
    },
    {
      name: 'cluster.local with a bundle',
      text: edit('ca.pem }', 'ca.pem, cluster.local: b.pem }'),
      expect: [/ERR_CONFIG_CONFLICT `cluster.local` in a policy stands for/],
    },
    {
      name: 'admin for everyone',
      text: `${MINIMAL}admin: { address: 0.0.0.0:15000 }\n`,
      expect: [/^9:19 ERR_CONFIG_CONFLICT .*other machines may reach \| write `127.0.0.1:15000`/],
    },
    {
      name: 'status on the listener',
      text: `${MINIMAL}status: { address: 127.0.0.1:8443 }\n`,
      expect: [/`127.0.0.1:8443` is taken by `inbound`/],
    },
    {
      name: 'status on admin',
      text: `${MINIMAL}status: { address: "[::]:15000" }\n`,
      expect: [/`127.0.0.1:15000` is taken by `status`/],
    },
    {
      name: 'two listeners, one address and name',
      text: edit(
        'policy:',
        '  - { name: inbound, address: 0.0.0.0:8443, upstream: 127.0.0.1:8080 }\npolicy:',
      ),
      expect: [/^8:13 .*the name `inbound` is taken/, /^8:31 .*is taken by `inbound`/],
    },
    {
      name: 'an upstream that is the listener',
      text: edit('127.0.0.1:8080', '127.0.0.1:8443'),
      expect: [/^7:15 ERR_CONFIG_CONFLICT .*requests would go in circles/],
    },
    { name: 'the same by name', text: edit('127.0.0.1:8080', 'localhost:8443'), expect: [/circles/] },
    {
      name: 'a log field of ours',
      text: `${MINIMAL}log: { fields: { verdict: x } }\n`,
      expect: [/`verdict` is a field that the log has already/],
    },
  ];
  it.each(rows)('$name', ({ text, expect: expected }) => {
    const found = errorsOf(text);
    expect(found).toHaveLength(expected.length);
    for (const [i, want] of expected.entries()) {
      if (typeof want === 'string') expect(found[i]).toContain(want);
      else expect(found[i]).toMatch(want);
    }
  });

  it('shows all errors of the file, in its order, each with its line', () => {
    const text = 'identity: { trustDomain: A }\nlisteners: [ { name: x } ]\npolcy: {}\n';
    expect(errorsOf(text).map((e) => e.split(' ').slice(0, 2).join(' '))).toEqual([
      '1:1 ERR_CONFIG_MISSING',
      '1:11 ERR_CONFIG_MISSING',
      '1:26 ERR_CONFIG_VALUE',
      '2:14 ERR_CONFIG_MISSING',
      '2:14 ERR_CONFIG_MISSING',
      '3:1 ERR_CONFIG_KEY',
    ]);
  });

  it('quotes the offending line', () => {
    try {
      parseConfig(listener('mtls: strikt'), FILE);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SallyportError);
      if (!(error instanceof SallyportError)) return;
      expect(error.code).toBe('ERR_CONFIG_INVALID');
      expect(error.diagnostics[0]?.text).toBe('    mtls: strikt');
    }
  });
});

describe('files', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-load-'));
    writeFileSync(join(folder, 'good.yaml'), MINIMAL);
    writeFileSync(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
    writeFileSync(join(folder, 'huge.yaml'), ' '.repeat(1024 * 1024 + 1));
    mkdirSync(join(folder, 'folder.yaml'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('loads, and paths start at the file', async () => {
    const config = await loadConfig(join(folder, 'good.yaml'));
    expect(config.policy.files).toEqual([join(folder, 'policies')]);
  });

  const rows = [
    { name: 'absent.yaml', expect: 'there is no such file' },
    { name: 'folder.yaml', expect: 'it is a folder' },
    { name: 'latin1.yaml', expect: 'it is not UTF-8' },
    { name: 'huge.yaml', expect: 'it has 1048577 bytes' },
  ];
  it.each(rows)('$name: $expect', async ({ name, expect: expected }) => {
    const path = join(folder, name);
    await expect(loadConfig(path)).rejects.toMatchObject({
      code: 'ERR_CONFIG_READ',
      message: expect.stringContaining(expected),
      hint: expect.any(String),
    });
  });

  it('explains every value and where it came from', async () => {
    const path = join(folder, 'good.yaml');
    const rows = new Map((await explainConfig(path)).map((row) => [row.key, row]));
    expect(rows.get('identity.trustDomain')).toMatchObject({ value: 'example.org', origin: `${path}:2` });
    expect(rows.get('listeners[0].address')).toMatchObject({ value: '0.0.0.0:8443', origin: `${path}:6` });
    expect(rows.get('listeners[0].upstream.address')).toMatchObject({
      value: '127.0.0.1:8080',
      origin: `${path}:7`,
    });
    expect(rows.get('listeners[0].upstream.idleTimeout')).toMatchObject({ value: '4s', origin: 'default' });
    expect(rows.get('listeners[0].limits.bodyBytes')).toMatchObject({ value: 'none', origin: 'default' });
    expect(rows.get('listeners[0].limits.headBytes')).toMatchObject({ value: '64KiB', origin: 'default' });
    expect(rows.get('listeners[0].port')).toMatchObject({ value: 8080, origin: 'default' });
    expect(rows.get('workload.namespace')).toMatchObject({
      value: '(that of the own SVID)',
      origin: 'default',
    });
    expect(rows.get('policy.files')).toMatchObject({
      value: [join(folder, 'policies')],
      origin: `${path}:8`,
    });
    expect(rows.get('flows.file')).toMatchObject({ value: 'none', origin: 'default' });
  });
});
