// Which trust domain a CRL of the Workload API is for: its answers have one list of CRLs for all of them.
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { type Crl, parseCrl, readCrlIssuer } from '../x509/crl.ts';
import { authorityOf, tryDer } from './split-der.ts';

/** DER of the CA certificates by trust domain. */
export type AuthoritiesByDomain = ReadonlyMap<TrustDomain, readonly Buffer[]>;

/**
 * The CRLs of each trust domain. A CRL goes to every trust domain that has a CA of its issuer's name and key.
 * When it does not name the key, it goes to one only, the own one first: with another CA of the same name its
 * signature would fail, and refuse everybody there. A CRL whose issuer is in no bundle is that of an
 * intermediate, so the own one's.
 *
 * SAFETY: a CRL that cannot be read could revoke anybody of its issuer, so it goes to every trust domain that
 * has a CA of the name, to be refused there with what came along. One that does not even name its issuer is
 * taken for the own one's: it refuses the answer. The standard ties no CRL to a trust domain
 * (workloadapi.proto: "a set of global CRLs").
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
    const named = crl ?? tryDer(() => ({ issuer: readCrlIssuer(der), authorityKeyId: null }));
    const issuers = authorities.filter(({ authority }) => named !== null && isIssuer(authority, named));
    const names = [...new Set(issuers.map(({ trustDomain }) => trustDomain))];
    const owners = crl?.authorityKeyId === null ? names.slice(0, 1) : names;
    for (const name of owners.length === 0 ? [own] : owners)
      owned.set(name, [...(owned.get(name) ?? []), der]);
  }
  return owned;
}

function isIssuer(ca: ReturnType<typeof authorityOf>, crl: Pick<Crl, 'issuer' | 'authorityKeyId'>): boolean {
  if (ca === null || ca.subject !== crl.issuer) return false;
  return ca.keyId === null || crl.authorityKeyId === null || ca.keyId === crl.authorityKeyId;
}
