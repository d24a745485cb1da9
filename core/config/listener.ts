// One entry of `listeners` in the configuration file: see schema.ts.
import {
  absentOr,
  absentSection,
  addressOrSection,
  choice,
  count,
  duration,
  hops,
  optionalChoice,
  optionalCount,
  optionalSection,
  optionalSections,
  requiredTexts,
  section,
  size,
  text,
  texts,
} from './fields.ts';
import { connectAddress, listenAddress, pathOrNone } from './places.ts';
import { CIDR, DESTINATION_HOST, DNS_SERVER, NAME, PEER, PEER_BLOCK, PROBE } from './rules.ts';

const upstream = section(
  {
    address: connectAddress('Where the application listens.'),
    protocol: choice(
      ['http1', 'h2c', 'h2'],
      'http1',
      'What it speaks: HTTP/1.1; HTTP/2 in plaintext, without being asked; HTTP/2 over mutual TLS.',
    ),
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
    proxyProtocol: choice(
      ['off', 'v2'],
      'off',
      '`v2`: every connection to it begins with a PROXY header that says who calls, and serves that caller only. See client-address.md.',
    ),
  },
  'The application, or on an outbound listener the peer.',
);

const destination = section(
  {
    host: text(DESTINATION_HOST, 'A host name, all names below one (`*.example.com`), or an IP address.'),
    port: count({ min: 1, max: 65_535, default: 443 }, 'Its port.'),
    tls: choice(
      ['tunnel', 'originate'],
      'tunnel',
      '`tunnel`: CONNECT, to a TLS server of that very name. `originate`: plain HTTP in, verified TLS out.',
    ),
    addresses: texts(CIDR, 'Addresses that are not public and to which its name may lead all the same.'),
    ca: pathOrNone('CA certificates in PEM, with `originate`; without it the public ones that Node knows.'),
    connectTimeout: duration(
      { default: '5s', min: '10ms', max: '1m' },
      'Time for a connection to it: name, TCP and, with `originate`, TLS.',
    ),
    idleTimeout: duration(
      { default: '4s', min: '10ms', max: '1h' },
      'How long an unused connection is kept.',
    ),
    maxConnections: count({ min: 1, max: 65_535, default: 1024 }, 'Connections to one host at a time.'),
  },
  'One place outside that may be reached.',
);
const DESTINATIONS_MAX = 1000;

const limits = {
  headBytes: size({ default: '64KiB', min: '1KiB', max: '1MiB' }, 'Size of a request head.'),
  headers: count({ min: 1, max: 1000, default: 100 }, 'Header lines of a request.'),
  bodyBytes: size({ default: 'none', min: '0B', max: '1024GiB', none: true }, 'Size of a request body.'),
  connections: count({ min: 1, max: 1_000_000, default: 10_000 }, 'Open connections.'),
  connectionsPerIdentity: count({ min: 1, max: 1_000_000, default: 2000 }, 'Open connections of one caller.'),
  handshakesInFlight: count(
    { min: 1, max: 10_000, default: 64 },
    'PROXY headers and TLS handshakes at a time; 1024 more connections wait for their turn.',
  ),
  requestsInFlight: count({ min: 1, max: 1_000_000, default: 10_000 }, 'Requests at a time.'),
  streams: count(
    { min: 1, max: 1000, default: 100 },
    'Requests at a time on one connection of HTTP/2; RFC 9113 wants at least 100.',
  ),
};

const timeouts = {
  handshake: duration(
    { default: '5s', min: '100ms', max: '1m' },
    'For the PROXY header and the TLS handshake, and as long for a place to begin.',
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

/** One entry of `listeners`. */
export const listener = section(
  {
    name: text(NAME, 'Its name in logs and metrics.'),
    direction: choice(
      ['inbound', 'outbound'],
      'inbound',
      '`inbound`: requests from peers to the application. `outbound`: requests of the application to a peer.',
    ),
    address: listenAddress('Where peers connect; on an outbound listener the application.'),
    protocol: choice(
      ['http', 'http-proxy'],
      'http',
      '`http`: HTTP/1.1 with WebSocket upgrades, HTTP/2, gRPC. `http-proxy`: HTTP/1.1 for a caller that names its destination (CONNECT, absolute-form).',
    ),
    mtls: optionalChoice(
      ['strict', 'permissive', 'server-tls', 'off'],
      '`strict`; on an outbound listener `off`',
      '`strict`: TLS with a client certificate. `permissive`: that, or plaintext without identity. `server-tls`: TLS without client certificates. `off`: plaintext.',
    ),
    upstream: absentOr(
      addressOrSection(upstream, 'Its address, or a mapping with the keys below.'),
      'The application: its address, or a mapping with the keys below. Only without `destinations`.',
    ),
    destinations: optionalSections(
      destination,
      DESTINATIONS_MAX,
      'What a listener with `protocol: http-proxy` may reach.',
    ),
    dnsServers: texts(DNS_SERVER, 'Who resolves the names of destinations; without it the system.'),
    port: optionalCount(
      { min: 1, max: 65_535, otherwise: 'the upstream’s port' },
      'The destination port that policies see.',
    ),
    probes: texts(
      PROBE,
      'Health checks of gRPC that everybody who reaches the listener may call, unless a DENY rule matches. See http2.md.',
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
    proxyProtocol: absentSection(
      {
        trust: requiredTexts(
          PEER_BLOCK,
          'Peers that begin every connection with a PROXY header (v1 or v2). Theirs is refused without one, and nobody else’s is read.',
        ),
      },
      'Whom to believe the client’s address, before TLS. Absent: nobody. See client-address.md.',
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
