// The certificate extensions of RFC 5280 section 4.2 that decide about an X509-SVID. A critical one that is
// not read here is reported in `unknownCritical` and refused by the verifier (RFC 5280 section 4.2).

import { EXTENSIONS_MAX, NAMES_MAX } from '../limits.ts';
import { DerError, DerReader, TAG } from './der.ts';
import { checkConstraint } from './name-constraint-forms.ts';
import type { GeneralNames } from './names.ts';
import { NameCollector, readGeneralNames } from './names.ts';

/** Bits of key usage, as numbered in RFC 5280 section 4.2.1.3. */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

/** OIDs of the extensions read here. */
export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
} as const;

/** OIDs of the extended key usages that matter to TLS. */
export const PURPOSE = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
  any: '2.5.29.37.0',
} as const;

export interface NameConstraints {
  /** Null when the extension lists no permitted subtrees at all. */
  readonly permitted: GeneralNames | null;
  readonly excluded: GeneralNames | null;
}

export interface BasicConstraints {
  readonly critical: boolean;
  readonly ca: boolean;
  readonly pathLength: number | null;
}

/** What the extensions of one certificate say; null = the extension is absent. */
export interface Extensions {
  readonly subjectAltName: { readonly critical: boolean; readonly names: GeneralNames } | null;
  readonly keyUsage: { readonly critical: boolean; readonly usages: ReadonlySet<KeyUsage> } | null;
  /** OIDs. */
  readonly extendedKeyUsage: readonly string[] | null;
  readonly basicConstraints: BasicConstraints | null;
  readonly nameConstraints: NameConstraints | null;
  /** Latin1 text of the identifier's bytes. */
  readonly subjectKeyId: string | null;
  readonly authorityKeyId: string | null;
  readonly unknownCritical: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads the Extensions sequence of a certificate. @throws DerError */
export function readExtensions(reader: DerReader | null): Extensions {
  const result: Mutable<Extensions> & { unknownCritical: string[] } = {
    subjectAltName: null,
    keyUsage: null,
    extendedKeyUsage: null,
    basicConstraints: null,
    nameConstraints: null,
    subjectKeyId: null,
    authorityKeyId: null,
    unknownCritical: [],
  };
  if (reader === null) return result;
  for (const { oid, critical, value } of readExtensionList(reader)) {
    checkCriticality(oid, critical);
    if (oid === EXTENSION.subjectAltName)
      result.subjectAltName = { critical, names: readGeneralNames(value) };
    else if (oid === EXTENSION.keyUsage) result.keyUsage = { critical, usages: readKeyUsage(value) };
    else if (oid === EXTENSION.extendedKeyUsage) result.extendedKeyUsage = readExtendedKeyUsage(value);
    else if (oid === EXTENSION.basicConstraints)
      result.basicConstraints = { critical, ...readBasicConstraints(value) };
    else if (oid === EXTENSION.nameConstraints) result.nameConstraints = readNameConstraints(value);
    else if (oid === EXTENSION.subjectKeyIdentifier) result.subjectKeyId = readKeyId(value);
    else if (oid === EXTENSION.authorityKeyIdentifier) result.authorityKeyId = readAuthorityKeyId(value);
    // Policies restrict nothing while no policy is required (RFC 5280 section 6.1.1 d); policyConstraints,
    // which could require one, must be critical and is not known here.
    else if (oid === EXTENSION.certificatePolicies) checkPolicies(value);
    else if (critical) result.unknownCritical.push(oid);
  }
  return result;
}

/**
 * RFC 5280 sections 4.2.1.1 and 4.2.1.2: key identifiers are never critical; 4.2.1.11 and 4.2.1.14: what may
 * require a policy always is, and then it is not known here. What says it is not would be passed over.
 */
function checkCriticality(oid: string, critical: boolean): void {
  const keyId = oid === EXTENSION.authorityKeyIdentifier || oid === EXTENSION.subjectKeyIdentifier;
  if (keyId && critical) throw new DerError('a key identifier that is critical');
  if (critical) return;
  if (oid === EXTENSION.policyConstraints) throw new DerError('policy constraints that are not critical');
  if (oid === EXTENSION.inhibitAnyPolicy) throw new DerError('inhibitAnyPolicy that is not critical');
}

/** RFC 5280 section 4.2.1.4: one policy or more, each with an OID; their qualifiers are not read. */
function checkPolicies(value: Buffer): void {
  const outer = new DerReader(value);
  const list = outer.enter(TAG.sequence);
  outer.finish();
  do list.enter(TAG.sequence).oid();
  while (list.peek() >= 0);
}

/**
 * Reads `SEQUENCE OF Extension`, of certificates and CRLs alike; an extension that comes twice is refused.
 */
export function readExtensionList(
  reader: DerReader,
): readonly { oid: string; critical: boolean; value: Buffer }[] {
  const list = reader.enter(TAG.sequence);
  reader.finish();
  const seen = new Set<string>();
  const extensions = [];
  do {
    const fields = list.enter(TAG.sequence);
    const oid = fields.oid();
    // An explicit FALSE is not DER, but deployed encoders write it, and it has one meaning.
    const critical = fields.peek() === TAG.boolean && fields.boolean();
    const value = fields.content(TAG.octetString);
    fields.finish();
    if (seen.has(oid)) throw new DerError(`extension ${oid} comes twice`);
    if (seen.add(oid).size > EXTENSIONS_MAX) throw new DerError(`more than ${EXTENSIONS_MAX} extensions`);
    extensions.push({ oid, critical, value });
  } while (list.peek() >= 0);
  return extensions;
}

function readKeyUsage(value: Buffer): ReadonlySet<KeyUsage> {
  const outer = new DerReader(value);
  const { bytes } = outer.bits();
  outer.finish();
  const usages = new Set<KeyUsage>();
  KEY_USAGES.forEach((usage, bit) => {
    if (((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) usages.add(usage);
  });
  return usages;
}

function readExtendedKeyUsage(value: Buffer): readonly string[] {
  const outer = new DerReader(value);
  const list = outer.enter(TAG.sequence);
  outer.finish();
  const oids: string[] = [];
  do oids.push(list.oid());
  while (list.peek() >= 0);
  return oids;
}

function readBasicConstraints(value: Buffer): { ca: boolean; pathLength: number | null } {
  const outer = new DerReader(value);
  const fields = outer.enter(TAG.sequence);
  outer.finish();
  const ca = fields.peek() === TAG.boolean && fields.boolean();
  const pathLength = fields.peek() === TAG.integer ? fields.smallInteger() : null;
  fields.finish();
  // RFC 5280 section 4.2.1.9: pathLenConstraint is meaningful only if cA is true
  if (!ca && pathLength !== null) throw new DerError('a path length on a certificate that is not a CA');
  return { ca, pathLength };
}

function readNameConstraints(value: Buffer): NameConstraints {
  const outer = new DerReader(value);
  const fields = outer.enter(TAG.sequence);
  outer.finish();
  const permitted = fields.peek() === 0xa0 ? readSubtrees(fields.enter(0xa0)) : null;
  const excluded = fields.peek() === 0xa1 ? readSubtrees(fields.enter(0xa1)) : null;
  fields.finish();
  if (permitted === null && excluded === null) throw new DerError('empty name constraints');
  return { permitted, excluded };
}

function readSubtrees(list: DerReader): GeneralNames {
  const names = new NameCollector();
  let count = 0;
  do {
    if (++count > NAMES_MAX) throw new DerError(`more than ${NAMES_MAX} names`);
    const subtree = list.enter(TAG.sequence);
    names.add(subtree);
    subtree.finish(); // RFC 5280 section 4.2.1.10: minimum is 0 (so absent), maximum is absent
  } while (list.peek() >= 0);
  checkConstraint(names);
  return names;
}

function readKeyId(value: Buffer): string {
  const outer = new DerReader(value);
  const id = outer.content(TAG.octetString);
  outer.finish();
  return id.toString('latin1');
}

/** The keyIdentifier of an AuthorityKeyIdentifier; issuer and serial are hints that nothing here needs. */
export function readAuthorityKeyId(value: Buffer): string | null {
  const outer = new DerReader(value);
  const fields = outer.enter(TAG.sequence);
  outer.finish();
  const keyId = fields.peek() === 0x80 ? fields.content(0x80).toString('latin1') : null;
  if (fields.peek() === 0xa1) fields.content(0xa1);
  if (fields.peek() === 0x82) fields.content(0x82);
  fields.finish();
  return keyId;
}
