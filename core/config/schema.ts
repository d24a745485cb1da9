// The configuration file, defined once: from this schema come the types, the validation, the defaults, the
// JSON Schema, docs/config.md and `config explain`. Every key is here with its bounds; what is not here is
// refused.

import { isSpiffeIdPattern, parseTrustDomain } from '../spiffe-id.ts';
import {
  addressOrSection,
  choice,
  connectAddress,
  count,
  duration,
  fraction,
  hops,
  listenAddress,
  listenAddressOr,
  optionalChoice,
  optionalCount,
  optionalSection,
  optionalText,
  PATH_RULE,
  path,
  pathOrNone,
  paths,
  requiredTextMap,
  section,
  sections,
  size,
  type TextRule,
  text,
  textMap,
  textOr,
  texts,
} from './fields.ts';

// RFC 1123 labels, as Kubernetes names namespaces; what policies compare with.
const isLabel = (t: string): boolean => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(t);

function isTrustDomain(t: string): boolean {
  try {
    return parseTrustDomain(t) === t;
  } catch {
    return false; // the caller names the key and says what is allowed
  }
}

const NAME: TextRule = { allowed: 'a name of `a-z`, `0-9` and `-`, at most 63 characters', accepts: isLabel };
const ACCOUNT: TextRule = {
  allowed: 'a service account name',
  accepts: (t) => t.length <= 253 && t.split('.').every(isLabel),
};
const LABEL_KEY: TextRule = {
  allowed: 'a label name',
  accepts: (t) => /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(t),
};
const LABEL_VALUE: TextRule = {
  allowed: 'a label value',
  accepts: (t) => /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/.test(t),
};
const TRUST_DOMAIN: TextRule = {
  allowed: 'a trust domain (`a-z`, `0-9`, `.`, `-`, `_`; no `spiffe://`)',
  accepts: isTrustDomain,
};
const TRUST_DOMAIN_OR_ANY: TextRule = {
  allowed: 'a trust domain, or `*` for any',
  accepts: (t) => t === '*' || isTrustDomain(t),
};
const PEER: TextRule = {
  allowed: 'a SPIFFE ID, or one that ends with `*` after its trust domain (`spiffe://example.org/ns/shop/*`)',
  accepts: (t) => isSpiffeIdPattern(t),
};
const LOG_FIELD: TextRule = {
  allowed: 'a field name',
  accepts: (t) => /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(t),
};
const LOG_TEXT: TextRule = { allowed: 'a text of at most 256 characters', accepts: (t) => t.length <= 256 };
const PRIVATE = [
  'source.principal',
  'source.ip',
  'source.remoteIp',
  'destination.ip',
  'sni',
  'http.path',
  'http.host',
  'http.headers',
];
const PRIVATE_FIELD: TextRule = {
  allowed: `one of ${PRIVATE.map((f) => `\`${f}\``).join(', ')} or \`http.headers.<name>\``,
  accepts: (t) => PRIVATE.includes(t) || /^http\.headers\.[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(t),
};

const workload = {
  namespace: optionalText(
    'that of the own SVID',
    NAME,
    'Its namespace; another than the SVID’s is an error.',
  ),
  serviceAccount: optionalText(
    'that of the own SVID',
    ACCOUNT,
    'Its service account; another than the SVID’s is an error.',
  ),
  labels: textMap({ key: LABEL_KEY, value: LABEL_VALUE }, 'What the selectors of policies match.'),
};

const identity = {
  trustDomain: text(TRUST_DOMAIN, 'The own trust domain.'),
  files: section(
    {
      certificate: path('The own X509-SVID in PEM, the leaf first, then intermediates.'),
      key: path('Its private key in PEM.'),
      bundles: requiredTextMap(
        { key: TRUST_DOMAIN, value: PATH_RULE },
        'CA certificates in PEM by trust domain, the own one included.',
      ),
      crls: textMap({ key: TRUST_DOMAIN, value: PATH_RULE }, 'Revocation lists by trust domain.'),
    },
    'Watched, and swapped in together once they verify.',
  ),
  graceAfterExpiry: duration(
    { default: '0s', min: '0s', max: '24h' },
    'How long an expired SVID of a peer is still accepted. Fail-open: counted and logged as such.',
  ),
};

const upstream = section(
  {
    address: connectAddress('Where the application listens.'),
    protocol: choice(['http1'], 'http1', 'What the application speaks.'),
    connectTimeout: duration(
      { default: '1s', min: '10ms', max: '1m' },
      'Time for a connection to it, the TLS handshake included.',
    ),
    idleTimeout: duration(
      { default: '4s', min: '10ms', max: '1h' },
      'How long an unused connection to it is kept. Stay below the application’s own keep-alive timeout.',
    ),
    maxConnections: count({ min: 1, max: 65_535, default: 1024 }, 'Connections to it at a time.'),
    tls: choice(['off', 'mutual'], 'off', '`mutual`: TLS with the own SVID, to one of `peers` only.'),
    peers: texts(PEER, 'The SPIFFE IDs that it may have; with `tls: mutual` at least one.'),
  },
  'The application, or on an outbound listener the peer.',
);

const limits = {
  headBytes: size({ default: '64KiB', min: '1KiB', max: '1MiB' }, 'Size of a request head.'),
  headers: count({ min: 1, max: 1000, default: 100 }, 'Header lines of a request.'),
  bodyBytes: size({ default: 'none', min: '0B', max: '1024GiB', none: true }, 'Size of a request body.'),
  connections: count({ min: 1, max: 1_000_000, default: 10_000 }, 'Open connections.'),
  connectionsPerIdentity: count({ min: 1, max: 1_000_000, default: 2000 }, 'Open connections of one caller.'),
  handshakesInFlight: count(
    { min: 1, max: 10_000, default: 64 },
    'TLS handshakes at a time; 1024 more connections wait for their turn.',
  ),
  requestsInFlight: count({ min: 1, max: 1_000_000, default: 10_000 }, 'Requests at a time.'),
};

const timeouts = {
  handshake: duration(
    { default: '5s', min: '100ms', max: '1m' },
    'For the TLS handshake, and as long for a place to begin it.',
  ),
  head: duration({ default: '10s', min: '100ms', max: '5m' }, 'For a request head to arrive.'),
  request: duration(
    { default: '30s', min: '10ms', max: '1h', none: true },
    'From the end of the request head to the final response head.',
  ),
  idle: duration(
    { default: '5m', min: '100ms', max: '24h', none: true },
    'Silence between requests, in a body or in a tunnel.',
  ),
  connectionAge: duration(
    { default: 'none', min: '1s', max: '30d', none: true },
    'Age at which a connection is closed, after the request in flight.',
  ),
};

const listener = section(
  {
    name: text(NAME, 'Its name in logs and metrics.'),
    direction: choice(
      ['inbound', 'outbound'],
      'inbound',
      '`inbound`: requests from peers to the application. `outbound`: requests of the application to a peer.',
    ),
    address: listenAddress('Where peers connect; on an outbound listener the application.'),
    protocol: choice(['http'], 'http', 'HTTP/1.1 with WebSocket upgrades.'),
    mtls: optionalChoice(
      ['strict', 'permissive', 'server-tls', 'off'],
      '`strict`; on an outbound listener `off`',
      '`strict`: TLS with a client certificate. `permissive`: that, or plaintext without identity. `server-tls`: TLS without client certificates. `off`: plaintext.',
    ),
    upstream: addressOrSection(upstream, 'The application: its address, or a mapping with the keys below.'),
    port: optionalCount(
      { min: 1, max: 65_535, otherwise: 'the upstream’s port' },
      'The destination port that policies see.',
    ),
    limits: optionalSection(limits, 'What the listener accepts.'),
    timeouts: optionalSection(timeouts, 'How long it waits.'),
    paths: optionalSection(
      {
        ambiguous: choice(
          ['reject', 'merge-slashes', 'decode-and-merge-slashes'],
          'reject',
          'What happens to a path that the application could read otherwise (`//`, `%2F`, `%5C`, …).',
        ),
      },
      'How paths are read.',
    ),
    forwarded: hops(
      ['sanitize', 'append'],
      'sanitize',
      32,
      'X-Forwarded-For, -Proto, -Host, Forwarded and X-Real-IP of the caller: replaced, appended to, or trusted for so many proxies.',
    ),
  },
  'One address to listen on.',
);

const policy = {
  files: paths(
    'AuthorizationPolicy resources. Folders are read with everything below; an empty one denies all.',
  ),
  rootNamespace: textOr('istio-system', NAME, 'Policies in it select workloads of every namespace.'),
  mode: choice(
    ['enforce', 'audit'],
    'enforce',
    '`audit`: forward what a policy would deny, and record it. Watched, as the files are.',
  ),
  defaultVerdict: choice(
    ['deny', 'allow-when-unselected'],
    'deny',
    'The verdict when no ALLOW policy selects the workload.',
  ),
  trustDomains: texts(
    TRUST_DOMAIN_OR_ANY,
    'Trust domains besides the own one whose namespaces and service accounts may widen access.',
  ),
  trustDomainAliases: texts(TRUST_DOMAIN, 'Trust domains that stand for the own one in principals.'),
  revokeGrace: duration(
    { default: '0s', min: '0s', max: '1h' },
    'How long a request in flight that a policy change denies may go on.',
  ),
  emergencyMax: duration({ default: '24h', min: '1m', max: '30d' }, 'Longest life of an emergency rule.'),
};

const log = {
  level: choice(['debug', 'info', 'warn', 'error'], 'info', 'Lines about the proxy itself.'),
  decisions: choice(['none', 'denied', 'sampled', 'all'], 'denied', 'Lines about requests.'),
  sample: fraction(0.01, 'Part of the allowed requests that `sampled` writes.'),
  fields: textMap({ key: LOG_FIELD, value: LOG_TEXT }, 'Fixed fields on every line.'),
  redact: texts(PRIVATE_FIELD, 'Fields whose values are not written.'),
};

const LISTENERS_MAX = 64;

/** The whole file. */
export const configSchema = section(
  {
    workload: optionalSection(workload, 'The workload that this proxy stands before.'),
    identity: section(identity, 'Who this proxy is and whom it trusts.'),
    listeners: sections(listener, LISTENERS_MAX, 'Where requests come in.'),
    policy: section(policy, 'What is allowed.'),
    status: optionalSection(
      { address: listenAddressOr('0.0.0.0:15021', 'Serves /healthz, /readyz and /metrics only.') },
      'For probes and Prometheus.',
    ),
    admin: optionalSection(
      {
        address: listenAddressOr(
          '127.0.0.1:15000',
          'Serves /policy, /connections, /flows, /config; loopback only.',
        ),
      },
      'For the operator on this machine.',
    ),
    log: optionalSection(log, 'JSON lines on standard output.'),
    flows: optionalSection(
      {
        file: pathOrNone('Records are appended here too; they are always kept in memory and at /flows.'),
        interval: duration({ default: '10s', min: '1s', max: '1h' }, 'The time that one record sums up.'),
      },
      'Who called whom, aggregated.',
    ),
    shutdown: optionalSection(
      {
        delay: duration(
          { default: '5s', min: '0s', max: '10m' },
          'Not ready, but still accepting, after SIGTERM.',
        ),
        drain: duration({ default: '30s', min: '0s', max: '1h' }, 'For requests in flight, after the delay.'),
      },
      'What SIGTERM starts.',
    ),
  },
  'sallyport configuration.',
);
