// Name constraints (RFC 5280 section 4.2.1.10; X509-SVID section 4.2): what a signing certificate allows
// below itself. URI, DNS and IP names are compared; a constraint on any other form refuses a certificate that
// has such a name.
import type { Certificate } from './certificate.ts';
import { EMPTY_NAME } from './certificate.ts';
import type { NameConstraints } from './extensions.ts';
import type { GeneralNames } from './names.ts';

/** Why `certificate` is outside `constraints`, or null. */
export function nameConstraintFault(constraints: NameConstraints, certificate: Certificate): string | null {
  const names = certificate.extensions.subjectAltName?.names ?? NO_NAMES;
  const { permitted, excluded } = constraints;
  const urisConstrained = (permitted?.uris.length ?? 0) + (excluded?.uris.length ?? 0) > 0;
  const hostless = urisConstrained ? names.uris.find((uri) => uriHost(uri) === null) : undefined;
  // Section 4.2.1.10: a constraint that applies to a URI without a host name refuses
  if (hostless !== undefined)
    return `URI \`${hostless}\` has no host name that a name constraint could apply to`;
  return (
    formFault('URI', names.uris, permitted?.uris, excluded?.uris, uriWithin) ??
    formFault('DNS name', names.dnsNames, permitted?.dnsNames, excluded?.dnsNames, dnsWithin) ??
    formFault('IP address', names.ipAddresses, permitted?.ipAddresses, excluded?.ipAddresses, ipWithin) ??
    unreadFormFault(permitted, names, certificate) ??
    unreadFormFault(excluded, names, certificate)
  );
}

const NO_NAMES: GeneralNames = { uris: [], dnsNames: [], ipAddresses: [], otherForms: [] };

function formFault<T extends string | Buffer>(
  form: string,
  names: readonly T[],
  permitted: readonly T[] | undefined,
  excluded: readonly T[] | undefined,
  within: (name: T, constraint: T) => boolean,
): string | null {
  for (const name of names) {
    const shown = typeof name === 'string' ? ` \`${name}\`` : '';
    if (excluded?.some((constraint) => within(name, constraint)))
      return `${form}${shown} is excluded by a name constraint`;
    // A form without permitted subtrees is unrestricted (section 4.2.1.10).
    if (permitted && permitted.length > 0 && !permitted.some((constraint) => within(name, constraint)))
      return `${form}${shown} is not permitted by a name constraint`;
  }
  return null;
}

/** Section 4.2.1.10: what cannot be processed, and applies to a name that is there, refuses. */
function unreadFormFault(
  subtrees: GeneralNames | null,
  names: GeneralNames,
  certificate: Certificate,
): string | null {
  for (const form of subtrees?.otherForms ?? []) {
    const subject = form === 'directoryName' && certificate.subject !== EMPTY_NAME;
    if (subject || names.otherForms.includes(form))
      return `a name constraint on ${form} names is not supported`;
  }
  return null;
}

/** The host part against a host, or against a domain when the constraint starts with a period. */
function uriWithin(uri: string, constraint: string): boolean {
  const host = uriHost(uri) ?? '';
  const c = constraint.toLowerCase();
  return c.startsWith('.') ? host.length > c.length && host.endsWith(c) : host === c;
}

/** The host of a URI with a plain authority; null for one with a port, user information or nothing there. */
function uriHost(uri: string): string | null {
  const start = uri.indexOf('://');
  if (start < 0) return null;
  const slash = uri.indexOf('/', start + 3);
  const host = uri.slice(start + 3, slash < 0 ? undefined : slash).toLowerCase();
  return host === '' || host.includes('@') || host.includes(':') ? null : host;
}

/** `example.org` covers itself and everything below; an empty constraint covers every name. */
function dnsWithin(name: string, constraint: string): boolean {
  const n = name.toLowerCase();
  const c = constraint.toLowerCase();
  if (c === '' || n === c) return true;
  return n.endsWith(c.startsWith('.') ? c : `.${c}`);
}

/** Address and mask, each as long as the name. */
function ipWithin(address: Buffer, block: Buffer): boolean {
  if (block.length !== address.length * 2) return false;
  return address.every((byte, i) => {
    const mask = block[address.length + i] ?? 0;
    return (byte & mask) === ((block[i] ?? 0) & mask);
  });
}
