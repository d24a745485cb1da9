// What the texts in the configuration must be, in words and as tests.
import { parseCidr, parseIp } from '../ip.ts';
import { isSpiffeIdPattern, parseTrustDomain } from '../spiffe-id.ts';
import type { TextRule } from './text-rule.ts';
import { isDnsName, parseConnectAddress } from './values.ts';

// RFC 1123 labels, as Kubernetes names namespaces; what policies compare with.
const isLabel = (t: string): boolean => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(t);

function isTrustDomain(t: string): boolean {
  try {
    return parseTrustDomain(t) === t;
  } catch {
    return false; // the caller names the key and says what is allowed
  }
}

export const NAME: TextRule = {
  allowed: 'a name of `a-z`, `0-9` and `-`, at most 63 characters',
  accepts: isLabel,
};
export const ACCOUNT: TextRule = {
  allowed: 'a service account name',
  accepts: (t) => t.length <= 253 && t.split('.').every(isLabel),
};
export const LABEL_KEY: TextRule = {
  allowed: 'a label name',
  accepts: (t) => /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(t),
};
export const LABEL_VALUE: TextRule = {
  allowed: 'a label value',
  accepts: (t) => /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/.test(t),
};
export const TRUST_DOMAIN: TextRule = {
  allowed: 'a trust domain (`a-z`, `0-9`, `.`, `-`, `_`; no `spiffe://`)',
  accepts: isTrustDomain,
};
// SPIFFE Workload Endpoint section 4: `unix:` with an absolute path. sockaddr_un holds 107 bytes of it.
export const WORKLOAD_API_SOCKET: TextRule = {
  allowed: 'a Unix socket as `unix:///run/spire/agent.sock`, its path at most 107 bytes',
  accepts: (t) => /^unix:(\/\/)?\/[^/\0]/.test(t) && Buffer.byteLength(t.replace(/^unix:(\/\/)?/, '')) <= 107,
};
export const TRUST_DOMAIN_OR_ANY: TextRule = {
  allowed: 'a trust domain, or `*` for any',
  accepts: (t) => t === '*' || isTrustDomain(t),
};
export const PEER: TextRule = {
  allowed: 'a SPIFFE ID, or one that ends with `*` after its trust domain (`spiffe://example.org/ns/shop/*`)',
  accepts: (t) => isSpiffeIdPattern(t),
};
export const LOG_FIELD: TextRule = {
  allowed: 'a field name',
  accepts: (t) => /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(t),
};
export const LOG_TEXT: TextRule = {
  allowed: 'a text of at most 256 characters',
  accepts: (t) => t.length <= 256,
};
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
export const PRIVATE_FIELD: TextRule = {
  allowed: `one of ${PRIVATE.map((f) => `\`${f}\``).join(', ')} or \`http.headers.<name>\``,
  accepts: (t) => PRIVATE.includes(t) || /^http\.headers\.[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(t),
};

/** An IP address, a name, or `*.` and a name of at least two labels: `*.com` is everybody. */
export const DESTINATION_HOST: TextRule = {
  allowed: 'a host name in lower case, `*.` before one of at least two labels, or an IP address',
  accepts(t) {
    if (parseIp(t) !== null) return true;
    const name = t.startsWith('*.') ? t.slice(2) : t;
    return name === name.toLowerCase() && isDnsName(name) && (name === t || name.includes('.'));
  },
};
const PROBES = ['grpc.health.v1.Health/Check', 'grpc.health.v1.Health/Watch'];
/** A closed list: what is named here passes without a rule. */
export const PROBE: TextRule = {
  allowed: PROBES.map((name) => `\`${name}\``).join(' or '),
  accepts: (t) => PROBES.includes(t),
};
export const CIDR: TextRule = {
  allowed: 'an IP address or a CIDR (`10.0.0.0/8`)',
  accepts: (t) => parseCidr(t) !== null,
};
export const DNS_SERVER: TextRule = {
  allowed: 'an IP address, with or without a port',
  accepts(t) {
    if (parseIp(t) !== null) return true;
    const parsed = parseConnectAddress(t);
    return 'value' in parsed && parseIp(parsed.value.host) !== null;
  },
};

/** Whom to believe an address: never everybody. */
export const PEER_BLOCK: TextRule = {
  allowed: 'an IP address or a block (`10.0.0.0/8`), and not every address',
  accepts: (t) => (parseCidr(t)?.prefixLength ?? 0) > 0,
};
