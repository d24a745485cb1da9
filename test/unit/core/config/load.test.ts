// core/config/load.ts: what a configuration file may say, and what a user reads when it says something else.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../../../core/config/config.ts';
import { explainConfig, loadConfig, parseConfig } from '../../../../core/config/load.ts';
import { edit, FILE, listener, MINIMAL } from './config-text.ts';

// The example that the documents show, with its comments.
const FULL = `workload: { namespace: default, serviceAccount: web, labels: { app: web } }   # mismatch: error
identity:
  trustDomain: example.org
  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca.pem }, crls: {} }
  # workloadApi: { socket: unix:///run/spire/agent.sock }
listeners:
  - name: inbound
    address: 0.0.0.0:8443
    protocol: http              # http (h1, h2, gRPC by ALPN) | tcp | postgres
    mtls: strict                # strict | permissive | server-tls | off
    upstream:
      { address: 127.0.0.1:8080, protocol: http1, connectTimeout: 1s, idleTimeout: 4s, maxConnections: 1024 }
    port: 8080                  # the destination port that policies see; default: the upstream's port
    limits:
      { headBytes: 64KiB, headers: 100, bodyBytes: none, connections: 10000, connectionsPerIdentity: 2000,
        handshakesInFlight: 64, requestsInFlight: 10000 }
    timeouts: { handshake: 5s, head: 10s, request: 30s, idle: 5m, connectionAge: none }
    paths: { ambiguous: reject }    # reject | merge-slashes | decode-and-merge-slashes
    forwarded: sanitize         # sanitize | append | { trust: 1 }
policy:
  { files: [policies/], rootNamespace: istio-system, mode: enforce, defaultVerdict: deny, trustDomains: [],
    trustDomainAliases: [] }
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
    federation: [],
    crls: {},
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
        tls: 'off',
        peers: [],
        proxyProtocol: 'off',
      },
      destinations: [],
      dnsServers: [],
      port: 8080,
      probes: [],
      limits: {
        headBytes: 65_536,
        headers: 100,
        bodyBytes: Number.POSITIVE_INFINITY,
        connections: 10_000,
        connectionsPerIdentity: 2000,
        handshakesInFlight: 64,
        requestsInFlight: 10_000,
        streams: 100,
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

describe('accepted', () => {
  it('the least that is needed, with every default', () => {
    expect(parseConfig(MINIMAL, FILE)).toEqual(EXPECTED);
  });

  it('the documented example', () => {
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
      read: (c) => c.listeners[0]?.upstream?.address.host,
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
        'timeouts: { head: 500ms, idle: 1h, connectionAge: 2d }\n    limits: { bodyBytes: 3GiB }',
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
      read: (c) => c.identity.files?.certificate,
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
