// Which trust domain a CRL of the Workload API is for: its answers have one list of CRLs for all of them.
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { type Crl, parseCrl } from '../x509/crl.ts';
import { authorityOf, tryDer } from './split-der.ts';

/** DER of the CA certificates by trust domain. */
export type AuthoritiesByDomain = ReadonlyMap<TrustDomain, readonly Buffer[]>;

/**
 * The CRLs of each trust domain. A CRL goes to every trust domain that has a CA of its issuer's name and key.
 * When it does not name the key, it goes to one only, the own one first: with another CA of the same name its
 * signature would fail, and refuse everybody there. A CRL whose issuer is in no bundle is that of an
 * intermediate, so the own one's; so is one that cannot be read, for the reader to say so.
 */
export function crlsByOwner(
  crls: readonly Buffer[],
  bundles: AuthoritiesByDomain,
  own: TrustDomain,
): ReadonlyMap<TrustDomain, readonly Buffer[]> {
  const owned = new Map<TrustDomain, Buffer[]>();
  if (crls.length === 0) return owned; // reading the bundles once more would be for nothing
  const authorities = [...bundles]
    .sort(([a], [b]) => Number(b === own) - Number(a === own))
    .flatMap(([trustDomain, ders]) => ders.map((der) => ({ trustDomain, authority: authorityOf(der) })));
  for (const der of crls) {
    const crl = tryDer(() => parseCrl(der));
    const issuers = authorities.filter(({ authority }) => crl !== null && isIssuer(authority, crl));
    const names = [...new Set(issuers.map(({ trustDomain }) => trustDomain))];
    const owners = crl === null || crl.authorityKeyId === null ? names.slice(0, 1) : names;
    for (const name of owners.length === 0 ? [own] : owners)
      owned.set(name, [...(owned.get(name) ?? []), der]);
  }
  return owned;
}

function isIssuer(ca: ReturnType<typeof authorityOf>, crl: Crl): boolean {
  if (ca === null || ca.subject !== crl.issuer) return false;
  return ca.keyId === null || crl.authorityKeyId === null || ca.keyId === crl.authorityKeyId;
}
