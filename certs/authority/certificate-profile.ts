// What goes into the certificates that the embedded authority issues: names, lifetimes, extensions.
import { createHash, randomBytes } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseIp } from '../../core/ip.ts';
import type { SpiffeId, TrustDomain } from '../../core/spiffe-id.ts';
import type { Certificate } from '../x509/certificate.ts';
import { PURPOSE } from '../x509/extensions.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateSpec,
  encodeName,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from './build-certificate.ts';
import type { DerEncoder } from './encode-der.ts';

export type KeyType = 'ec' | 'rsa' | 'ed25519';

/** How long things last unless the caller says otherwise, milliseconds. */
export const DEFAULT_TTL_MS = { authority: 5 * 365 * 86_400_000, svid: 30 * 86_400_000, crl: 7 * 86_400_000 };

/** What every certificate can be asked for. */
export interface ProfileOptions {
  readonly ttlMs?: number;
  /** Now, Unix milliseconds; default: the machine's clock. */
  readonly nowMs?: number;
  readonly keyType?: KeyType;
  /** Last change before signing: more extensions, other names, whatever a test needs to be refused. */
  readonly adjust?: (spec: CertificateSpec, encoder: DerEncoder) => CertificateSpec;
}

export interface AuthorityOptions extends ProfileOptions {
  readonly trustDomain: TrustDomain;
  /** Null = any number of intermediates below. */
  readonly pathLength?: number | null;
}

export interface IssueRequest extends ProfileOptions {
  /** With a path. */
  readonly spiffeId: string;
  /** Default: see `defaultDnsNames`. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** DER of the SubjectPublicKeyInfo to certify; default: a new key pair. */
  readonly publicKeySpki?: Buffer;
}

// Clocks of peers differ; a certificate that starts now is refused by those behind.
export const BACKDATE_MS = 60_000;

const LOCALHOST = 'localhost';

/** `serviceDnsNames`, and `localhost` for curl: for certificates that a person makes one by one. */
export function defaultDnsNames(spiffeId: SpiffeId): readonly string[] {
  return [...serviceDnsNames(spiffeId), LOCALHOST];
}

/**
 * For `/ns/shop/sa/web`: `web`, `web.shop`, `web.shop.svc`; else the last path segment. SAFETY: never
 * `localhost`: it is everybody's, so that any workload could answer for the one that somebody forwards there.
 */
export function serviceDnsNames(spiffeId: SpiffeId): readonly string[] {
  const { namespace, serviceAccount, path } = spiffeId;
  const name = (serviceAccount ?? path.slice(path.lastIndexOf('/') + 1)).toLowerCase();
  const names =
    namespace === null ? [name] : [name, `${name}.${namespace}`, `${name}.${namespace}.svc`.toLowerCase()];
  return names.filter((one) => isDnsName(one) && one !== LOCALHOST);
}

/** Labels of 1 to 63 of `[a-z0-9-]`, not starting or ending with `-`; at most 253 characters. */
export function isDnsName(name: string): boolean {
  return name.length <= 253 && /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/.test(name);
}

const NAME_CHARS_MAX = 64; // RFC 5280 appendix A.1, ub-common-name and ub-organization-name
const SERIAL_BYTES = 20;

/** The name of a new CA. */
export function authorityName(e: DerEncoder, trustDomain: TrustDomain): Buffer {
  // The suffix keeps the names of successive CAs of a trust domain apart.
  return encodeName(e, [
    ['O', trustDomain.slice(0, NAME_CHARS_MAX)],
    ['CN', `sallyport CA ${randomBytes(4).toString('hex')}`],
  ]);
}

/**
 * A CA: signs certificates and CRLs, nothing else; its SPIFFE ID is the trust domain (X509-SVID section 3.2).
 */
export function authorityProfile(
  e: DerEncoder,
  options: AuthorityOptions,
  names: { spki: Buffer; subject: Buffer; issuer: Buffer; issuerSpki: Buffer; endMs: number },
): CertificateSpec {
  return {
    serial: newSerial(),
    issuer: names.issuer,
    subject: names.subject,
    ...validity(options, DEFAULT_TTL_MS.authority, names.endMs),
    publicKeySpki: names.spki,
    extensions: [
      basicConstraints(e, true, options.pathLength ?? null),
      keyUsage(e, ['keyCertSign', 'cRLSign']),
      subjectAltName(e, { uris: [`spiffe://${options.trustDomain}`] }),
      subjectKeyIdentifier(e, keyId(names.spki)),
      authorityKeyIdentifier(e, keyId(names.issuerSpki)),
    ],
  };
}

/**
 * The leaf: digital signatures on both sides of TLS, the SPIFFE ID as its one URI, DNS names for ordinary
 * clients.
 */
export function leafProfile(
  e: DerEncoder,
  request: IssueRequest,
  of: { readonly spiffeId: SpiffeId; readonly spki: Buffer; readonly issuer: Certificate },
): CertificateSpec {
  const { spiffeId, spki, issuer } = of;
  const names = {
    uris: [spiffeId.uri],
    dnsNames: request.dnsNames ?? defaultDnsNames(spiffeId),
    ipAddresses: (request.ipAddresses ?? []).map(ipBytes),
  };
  const commonName = spiffeId.path.slice(spiffeId.path.lastIndexOf('/') + 1);
  return {
    serial: newSerial(),
    issuer: Buffer.from(issuer.subject, 'latin1'),
    subject: encodeName(e, [
      ['O', 'sallyport'],
      ['CN', commonName.slice(0, NAME_CHARS_MAX)],
    ]),
    ...validity(request, DEFAULT_TTL_MS.svid, issuer.notAfterMs),
    publicKeySpki: spki,
    extensions: [
      keyUsage(e, ['digitalSignature']),
      extendedKeyUsage(e, [PURPOSE.server, PURPOSE.client]),
      basicConstraints(e, false, null),
      subjectAltName(e, names),
      subjectKeyIdentifier(e, keyId(spki)),
      authorityKeyIdentifier(e, keyId(issuer.publicKey.spki)),
    ],
  };
}

/** Whole seconds; never beyond the CA's own end, which would only hide the real expiry. */
function validity(
  { nowMs = systemClock.now(), ttlMs }: ProfileOptions,
  defaultTtlMs: number,
  endMs: number,
): { notBeforeMs: number; notAfterMs: number } {
  const now = Math.floor(nowMs / 1000) * 1000;
  return {
    notBeforeMs: now - BACKDATE_MS,
    notAfterMs: Math.min(Math.floor((now + (ttlMs ?? defaultTtlMs)) / 1000) * 1000, endMs),
  };
}

/** 20 random bytes, positive and with the top bit of the first byte free (RFC 5280 section 4.1.2.2). */
function newSerial(): Buffer {
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** The INTEGER bytes of a serial number in hex: positive. */
export function serialInteger(serial: string): Buffer {
  const bytes = Buffer.from(serial, 'hex');
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}

/** RFC 7093 section 2 method 1: the leftmost 160 bits of the SHA-256 of the key. */
export const keyId = (spki: Buffer): Buffer => createHash('sha256').update(spki).digest().subarray(0, 20);

function ipBytes(text: string): Buffer {
  const bytes = parseIp(text);
  if (bytes === null) throw new SallyportError('ERR_CERT_REQUEST', `\`${text}\` is not an IP address`);
  return Buffer.from(bytes);
}
