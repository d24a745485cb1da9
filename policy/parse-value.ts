// One value of each policy field: text in, Matcher or Fault out. What no request could equal is a fault.
import { canonicalIp, parseCidr } from '../core/ip.ts';
import type { Fault } from './document-reader.ts';
import { SERVICE_ACCOUNT_CHARACTERS_MAX } from './limits.ts';
import type { Field, Matcher } from './model.ts';
import { parsePathValue } from './parse-path.ts';
import { parseWildcard } from './parse-wildcard.ts';

/** Turns one value into a matcher; `namespace` is the policy's own. */
export type ValueParser = (text: string, namespace: string) => Matcher | Fault;

/** The parser of every field that can be built today. */
export const VALUE_PARSERS: Readonly<Record<Exclude<Field, 'requestPrincipals'>, ValueParser>> = {
  principals: parsePrincipal,
  namespaces: (text) => parseWildcard(text),
  serviceAccounts: parseServiceAccount,
  trustDomains: (text) => parseWildcard(text),
  ipBlocks: parseBlock,
  remoteIpBlocks: parseBlock,
  hosts: parseHostValue,
  ports: parsePortValue,
  methods: parseMethod,
  paths: parsePathValue,
  'request.headers': (text) => parseWildcard(text),
  'source.ip': parseBlock,
  'remote.ip': parseBlock,
  'source.namespace': (text) => parseWildcard(text),
  'source.principal': parsePrincipal,
  'source.serviceAccount': parseServiceAccount,
  'source.trustDomain': (text) => parseWildcard(text),
  'destination.ip': parseBlock,
  'destination.port': parsePortValue,
  'connection.sni': (text) => parseWildcard(text),
};

/** RFC 9110 section 5.6.2: the characters of a method or a field name. */
export function isToken(text: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(text);
}

// SPIFFE ID without scheme; with it accepted too.
function parsePrincipal(text: string): Matcher | Fault {
  const bare = text.startsWith('spiffe://') ? text.slice(9) : text;
  if (bare === '') return { code: 'ERR_POLICY_EMPTY', message: `principal \`${text}\` is only a scheme` };
  return parseWildcard(bare);
}

function parseServiceAccount(text: string, namespace: string): Matcher | Fault {
  const bad = (why: string): Fault => ({
    code: 'ERR_POLICY_SERVICE_ACCOUNT',
    message: `service account \`${shorten(text)}\` ${why}`,
    hint: 'write `namespace/account`, or `account` for the policy’s own namespace; for wildcards use principals',
  });
  if (text.length > SERVICE_ACCOUNT_CHARACTERS_MAX)
    return bad(`is longer than ${SERVICE_ACCOUNT_CHARACTERS_MAX} characters`);
  if (text.includes('*')) return bad('has a wildcard');
  const parts = text.split('/');
  if (parts.length > 2 || parts.some((part) => !/^[A-Za-z0-9._-]+$/.test(part)))
    return bad('is not `namespace/account`');
  return { kind: 'exact', value: parts.length === 1 ? `${namespace}/${text}` : text };
}

function parseBlock(text: string): Matcher | Fault {
  const block = parseCidr(text);
  if (block !== null)
    return { kind: 'cidr', text, bytes: Array.from(block.bytes), prefixLength: block.prefixLength };
  return {
    code: 'ERR_POLICY_IP',
    message: `\`${text}\` is neither an IP address nor a CIDR block`,
    hint: text.includes('*')
      ? 'write 10.0.0.0/8 for 10.*; every address is 0.0.0.0/0 and ::/0'
      : 'write 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32; no zone, no leading zeros',
  };
}

function parsePortValue(text: string): Matcher | Fault {
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65535) return { kind: 'exact', value: text };
  return {
    code: 'ERR_POLICY_PORT',
    message: `\`${text}\` is not a port`,
    hint: 'a port is a decimal string from 1 to 65535; wildcards and ranges do not exist',
  };
}

const STANDARD_METHODS = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
]);

function parseMethod(text: string): Matcher | Fault {
  const upper = text.toUpperCase();
  if (text !== upper && STANDARD_METHODS.has(upper))
    return {
      code: 'ERR_POLICY_METHOD',
      message: `method \`${text}\` would never match: methods are case-sensitive`,
      hint: `did you mean \`${upper}\`?`,
    };
  return parseWildcard(text);
}

// Case-insensitive, one trailing dot dropped; the port counts only when the value has one.
function parseHostValue(text: string): Matcher | Fault {
  const bad = (why: string, hint: string): Fault => ({
    code: 'ERR_POLICY_HOST',
    message: `host \`${text}\` ${why}`,
    hint,
  });
  if (text.includes('://')) return bad('has a scheme', 'write the host alone, or host:port');
  for (const c of text)
    if (c > '~') return bad('is not ASCII', 'write internationalized names in punycode (xn--…)');
  const matcher = parseWildcard(text.toLowerCase());
  if (!('kind' in matcher) || !('value' in matcher) || matcher.kind === 'prefix') return matcher;
  const colon = matcher.value.indexOf(':', matcher.value.lastIndexOf(']') + 1);
  const name = colon < 0 ? matcher.value : matcher.value.slice(0, colon);
  const port = colon < 0 ? '' : matcher.value.slice(colon + 1);
  if (colon >= 0 && 'code' in parsePortValue(port))
    return bad(
      `has the port \`${port}\``,
      name.startsWith('[')
        ? 'a port is 1 to 65535'
        : 'a port is 1 to 65535; an IPv6 address goes in brackets',
    );
  if (name.startsWith('[') && name.endsWith(']')) {
    const ip = canonicalIp(name.slice(1, -1));
    const written = ip?.includes(':') === true ? `[${ip}]` : ip;
    if (written !== name && matcher.kind === 'exact')
      return bad(
        'is not the spelling in which requests are compared',
        written === null ? 'write an IPv6 address' : `write \`${written}\``,
      );
  }
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  const value = colon < 0 ? bare : `${bare}:${port}`;
  if (value === '') return bad('has no name', 'write a host name');
  return { kind: matcher.kind === 'suffix' ? 'suffix' : 'exact', value };
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
