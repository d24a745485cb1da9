// The file of `sallyport certs serve`, defined once: from this schema come the types, the validation, the
// defaults, the JSON Schema and docs/issuer-config.md. What is not here is refused.

import { issuerFederation } from '../config/federation-keys.ts';
import {
  absentSection,
  choice,
  count,
  duration,
  optionalCount,
  optionalSection,
  optionalSections,
  optionalText,
  requiredCount,
  requiredTexts,
  section,
  text,
  textOr,
  texts,
} from '../config/fields.ts';
import { listenAddress, listenAddressOr, path, pathOr } from '../config/places.ts';
import { NAME, TRUST_DOMAIN } from '../config/rules.ts';
import { SchemaKeys } from '../config/schema-keys.ts';
import { DNS_NAME, HINT, HTTPS_ORIGIN, SOCKET_NAME, SPIFFE_ID } from './rules.ts';

const listen = {
  address: listenAddressOr('0.0.0.0:8444', 'Serves the HTTPS API to workloads.'),
  dnsNames: texts(DNS_NAME, 'DNS names in the issuer’s own certificate, beside its SPIFFE ID.'),
};

const svid = {
  ttl: duration({ default: '1h', min: '10s', max: '7d' }, 'Life of an X509-SVID. Renewed at half of it.'),
};

const ca = {
  ttl: duration({ default: '365d', min: '1m', max: '7300d' }, 'Life of a CA certificate.'),
  overlap: duration(
    { default: '24h', min: '1s', max: '365d' },
    'How long a new CA certificate is published before it signs: who was away for longer attests anew.',
  ),
};

const joinTokens = {
  ttl: duration({ default: '10m', min: '10s', max: '7d' }, 'Life of a join token that names none.'),
  ttlMax: duration({ default: '24h', min: '10s', max: '7d' }, 'Longest life of a join token.'),
};

const kubernetes = {
  apiServer: text(HTTPS_ORIGIN, 'The API server that reviews service account tokens.'),
  caFile: path('Its CA certificates in PEM.'),
  tokenFile: path('The token with which the issuer calls it; read again when it changes.'),
  audience: textOr('sallyport', HINT, 'The audience that a service account token must have.'),
  namespaces: requiredTexts(NAME, 'Namespaces whose service accounts get SVIDs.'),
  timeout: duration({ default: '3s', min: '100ms', max: '10s' }, 'For one review.'),
};

const UNIX_ID = { min: 0, max: 4_294_967_294 };

const workload = section(
  {
    id: text(SPIFFE_ID, 'Whose SVID is served.'),
    socket: text(SOCKET_NAME, 'Its socket is `<socketsDirectory>/<socket>/api.sock`.'),
    uid: requiredCount(UNIX_ID, 'The user that may connect: it owns the socket, which has mode 0600.'),
    gid: optionalCount(
      { ...UNIX_ID, otherwise: 'that of the issuer' },
      'The group of the socket; its members may not connect.',
    ),
    dnsNames: texts(DNS_NAME, 'DNS names beside the ID.'),
    hint: optionalText('none', HINT, 'Told to the workload, to choose by when it has several SVIDs.'),
  },
  'One workload on this machine.',
);

const WORKLOADS_MAX = 256;

const limits = {
  issuancesPerIdentity: count({ min: 1, max: 100_000, default: 120 }, 'SVIDs of one SPIFFE ID a minute.'),
  failuresPerAddress: count(
    { min: 1, max: 100_000, default: 20 },
    'Attestations of one address that fail, a minute; an IPv6 address counts with its /64.',
  ),
  connections: count({ min: 1, max: 65_535, default: 4096 }, 'Connections at a time.'),
  connectionsPerAddress: count(
    { min: 1, max: 65_535, default: 256 },
    'The same of one address; an IPv6 address counts with its /64.',
  ),
  polls: count({ min: 1, max: 65_535, default: 4096 }, 'Requests at a time that wait for a change of trust.'),
  pollsPerAddress: count(
    { min: 1, max: 65_535, default: 128 },
    'The same of one address; an IPv6 address counts with its /64.',
  ),
};

/** The whole file. */
export const issuerSchema = section(
  {
    trustDomain: text(TRUST_DOMAIN, 'The trust domain that this issuer is the authority of.'),
    state: pathOr('state', 'The folder of keys, issued certificates, audit log and admin socket.'),
    secretFile: path('What the keys in `state` are encrypted with. Never readable by others.'),
    refreshHint: duration(
      { default: '5m', min: '1s', max: '24h' },
      'How often those who do not wait for changes of trust are told to look.',
    ),
    listen: optionalSection(listen, 'Where workloads come for their SVIDs.'),
    svid: optionalSection(svid, 'What is issued.'),
    ca: optionalSection(ca, 'What signs.'),
    joinTokens: optionalSection(joinTokens, 'One-time secrets with which a workload proves what it is.'),
    kubernetes: absentSection(
      kubernetes,
      'Service account tokens prove what a workload is. Without this section they are refused.',
    ),
    socketsDirectory: pathOr('sockets', 'The folder of the workloads’ sockets, made with mode 0711.'),
    workloads: optionalSections(
      workload,
      WORKLOADS_MAX,
      'Workloads on this machine, each with a SPIFFE Workload API socket of its own.',
    ),
    federation: issuerFederation,
    limits: optionalSection(limits, 'What one caller, and all together, may cost.'),
    status: optionalSection(
      { address: listenAddressOr('127.0.0.1:15022', 'Serves /healthz, /readyz and /metrics only.') },
      'For probes and Prometheus.',
    ),
    bundleEndpoint: absentSection(
      {
        address: listenAddress('Serves `/bundle.json` to the issuers and workloads of other trust domains.'),
        certificate: path('Its certificate chain in PEM, of a CA that they know (profile https_web).'),
        key: path('The private key in PEM.'),
      },
      'The SPIFFE bundle endpoint. Without this section there is none.',
    ),
    log: optionalSection(
      { level: choice(['debug', 'info', 'warn', 'error'], 'info', 'Lines about the issuer itself.') },
      'JSON lines on standard output.',
    ),
  },
  'sallyport issuer configuration.',
);

/** What may stand in the file of `sallyport certs serve`. */
export const ISSUER_KEYS = new SchemaKeys(issuerSchema, {
  title: 'sallyport issuer configuration',
  example: 'docs/issuer.md has',
});
