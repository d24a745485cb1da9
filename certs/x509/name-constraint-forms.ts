// When a name lies within a name constraint, form by form (RFC 5280 section 4.2.1.10), and what a constraint
// of each form must look like: one that no name could match would exclude nothing.
import { DerError, TAG } from './der.ts';
import type { GeneralNames } from './names.ts';
import { bmpText, forEachAttribute } from './names.ts';

/** `exclude`: whatever lies even partly within counts, as a wildcard may. */
export type Mode = 'permit' | 'exclude';

/** Checks the constraints of one list. @throws DerError */
export function checkConstraint(names: GeneralNames): void {
  for (const block of names.ipAddresses) checkBlock(block);
  for (const host of names.uris) {
    if (isDomain(host.startsWith('.') ? host.slice(1) : host)) continue;
    throw new DerError('a name constraint on URIs that is no host name');
  }
  for (const name of names.dnsNames) {
    if (name === '' || isDomain(name.startsWith('.') ? name.slice(1) : name)) continue;
    throw new DerError('a name constraint on DNS names that is no domain');
  }
  for (const email of names.emails) {
    const at = email.lastIndexOf('@');
    const host = email.slice(at + 1);
    if (at !== 0 && isDomain(host.startsWith('.') && at < 0 ? host.slice(1) : host)) continue;
    throw new DerError('a name constraint on emails that is no mailbox, host or domain');
  }
}

function checkBlock(block: Buffer): void {
  if (block.length !== 8 && block.length !== 32) throw new DerError('an IP block is neither 8 nor 32 bytes');
  let ended = false;
  for (const byte of block.subarray(block.length / 2)) {
    for (let bit = 0x80; bit > 0; bit >>= 1) {
      if ((byte & bit) === 0) ended = true;
      else if (ended) throw new DerError('the mask of an IP block has holes'); // RFC 4632 section 3.1
    }
  }
}

/** Labels of letters, digits, `-` and `_`, none of them empty, at most 253 characters. */
function isDomain(text: string): boolean {
  if (text === '' || text.length > 253) return false;
  let label = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x2e) {
      if (label === 0) return false;
      label = 0;
      continue;
    }
    const letter = (c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a;
    if (!letter && !(c >= 0x30 && c <= 0x39) && c !== 0x2d && c !== 0x5f) return false;
    label++;
  }
  return label > 0;
}

/** True for a DNS name that constraints can be compared with: a domain, or `*.` before one. */
export const isComparableDns = (name: string): boolean =>
  isDomain(name.startsWith('*.') ? name.slice(2) : name);

/** True for a mailbox: something, `@`, a domain. */
export const isComparableEmail = (email: string): boolean => {
  const at = email.lastIndexOf('@');
  return at > 0 && isDomain(email.slice(at + 1));
};

/**
 * The host part of a URI; null where there is none that is a name: with a port, user information, or an IP
 * address.
 */
export function uriHost(uri: string): string | null {
  const start = uri.indexOf('://');
  if (start < 0) return null;
  const slash = uri.indexOf('/', start + 3);
  const host = uri.slice(start + 3, slash < 0 ? undefined : slash).toLowerCase();
  return isDomain(host) && !isIpv4(host) ? host : null;
}

function isIpv4(host: string): boolean {
  const last = host.slice(host.lastIndexOf('.') + 1);
  // RFC 3986 section 3.2.2, and what URL parsers take for an address: the last label is a number.
  for (let i = 0; i < last.length; i++)
    if (last.charCodeAt(i) < 0x30 || last.charCodeAt(i) > 0x39) return false;
  return true;
}

/** The host part against a host, or against a domain when the constraint starts with a period. */
export function uriWithin(uri: string, constraint: string): boolean {
  const host = uriHost(uri) ?? '';
  const c = constraint.toLowerCase();
  return c.startsWith('.') ? host.length > c.length && host.endsWith(c) : host === c;
}

/** `example.org` covers itself and everything below; an empty constraint covers every name. */
export function dnsWithin(name: string, constraint: string, mode: Mode): boolean {
  const n = name.toLowerCase();
  const c = constraint.toLowerCase();
  if (!n.startsWith('*.')) return domainWithin(n, c);
  // All of a wildcard's names are permitted, or one of them may be excluded.
  const parent = n.slice(2);
  return domainWithin(parent, c) || (mode === 'exclude' && domainWithin(c, parent)) || c === `.${parent}`;
}

function domainWithin(name: string, constraint: string): boolean {
  if (constraint === '' || name === constraint) return true;
  return name.endsWith(constraint.startsWith('.') ? constraint : `.${constraint}`);
}

/** Against one mailbox, all of a host, or all of a domain's hosts. The local part counts by case. */
export function emailWithin(email: string, constraint: string): boolean {
  const at = email.lastIndexOf('@');
  const host = email.slice(at + 1).toLowerCase();
  const of = constraint.lastIndexOf('@');
  const c = constraint.slice(of + 1).toLowerCase();
  if (of >= 0) return host === c && email.slice(0, at) === constraint.slice(0, of);
  return c.startsWith('.') ? host.endsWith(c) && host.length > c.length : host === c;
}

/** Address and mask, each as long as the name. */
export function ipWithin(address: Buffer, block: Buffer): boolean {
  if (block.length !== address.length * 2) return false;
  return address.every((byte, i) => {
    const mask = block[address.length + i] ?? 0;
    return (byte & mask) === ((block[i] ?? 0) & mask);
  });
}

/** The constraint's relative names are the first of the name's. */
export function directoryWithin(name: Buffer, constraint: Buffer): boolean {
  const names = comparable(name);
  return comparable(constraint).every((part, i) => names[i] === part);
}

/** Each relative name as text: strings without regard to case, type and spaces (RFC 5280 section 7.1). */
function comparable(name: Buffer): readonly string[] {
  const sets: string[][] = [];
  forEachAttribute(name, (oid, tag, content, number) => {
    const set = sets[number] ?? [];
    sets[number] = set;
    set.push(`${oid}=${foldedText(tag, content)}`);
  });
  return sets.map((set) => set.sort().join('\n'));
}

const TEXT_TAGS: readonly number[] = [TAG.utf8String, TAG.printableString, TAG.ia5String];

function foldedText(tag: number, content: Buffer): string {
  const text =
    tag === TAG.bmpString ? bmpText(content) : TEXT_TAGS.includes(tag) ? content.toString('utf8') : null;
  if (text === null) return `${tag}:${content.toString('hex')}`;
  const words = text.normalize('NFKC').toLowerCase().split(' ');
  return words.filter((word) => word !== '').join(' ');
}
