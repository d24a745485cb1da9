// Bundles and CRLs of any number of trust domains, and one rule for all sources about what is wrong with
// them: each foreign trust domain is taken as a whole or keeps its last good bundle and CRLs, and nobody else
// is held up by it. What is wrong with the own trust domain refuses everything.
import type { TrustDomain } from '../core/spiffe-id.ts';
import { type FileContent, Findings, readBundle, readCrls } from './read-files.ts';
import type { TrustBundle } from './trust-bundle.ts';
import type { TrustState } from './verify.ts';
import type { Crl } from './x509/crl.ts';

/** Bundles and CRLs, as read. */
export interface TrustMaterial {
  readonly bundles: ReadonlyMap<TrustDomain, FileContent>;
  readonly crls: ReadonlyMap<TrustDomain, FileContent>;
}

/** What material is judged with. */
export interface TrustReader {
  /** Null for one who has no identity: every trust domain is foreign. */
  readonly own: TrustDomain | null;
  readonly nowMs: number;
  /** The last good state, of which the trust domains in `findings.refused` stay; null at first. */
  readonly before: TrustState | null;
}

/** Every trust domain of `material` that can be used, and those that were refused as they were before. */
export function readTrust(
  material: TrustMaterial,
  { own, nowMs, before }: TrustReader,
  findings: Findings,
): TrustState {
  const bundles = new Map<TrustDomain, TrustBundle>();
  const crls = new Map<TrustDomain, readonly Crl[]>();
  for (const trustDomain of namesIn(material)) {
    const found = new Findings(trustDomain === own ? undefined : trustDomain);
    const [pem, lists] = [material.bundles.get(trustDomain), material.crls.get(trustDomain)];
    const bundle = pem === undefined ? null : readBundle(trustDomain, pem, nowMs, found);
    if (bundle !== null) bundles.set(trustDomain, bundle);
    if (lists !== undefined) crls.set(trustDomain, readCrls(lists, nowMs, found));
    if (trustDomain !== own && found.errors > 0) findings.refuse(trustDomain, found);
    else findings.add(found);
  }
  // Also those that the source could not even read. Bundle and CRLs stay together: a CA whose list cannot be
  // read could have revoked anybody.
  for (const trustDomain of findings.refused) {
    keepOrDelete(bundles, trustDomain, before?.bundles.get(trustDomain));
    keepOrDelete(crls, trustDomain, before?.crls.get(trustDomain));
  }
  return { bundles, crls };
}

/** The same for one who has no identity; null when every trust domain is refused: then nothing changes. */
export function readForeignTrust(
  material: TrustMaterial,
  reader: Omit<TrustReader, 'own'>,
  findings: Findings,
): TrustState | null {
  const trust = readTrust(material, { ...reader, own: null }, findings);
  const good = [...namesIn(material)].some((name) => !findings.refused.has(name));
  return findings.errors > 0 || (findings.refused.size > 0 && !good) ? null : trust;
}

const namesIn = ({ bundles, crls }: TrustMaterial): ReadonlySet<TrustDomain> =>
  new Set([...bundles.keys(), ...crls.keys()]);

function keepOrDelete<V>(map: Map<TrustDomain, V>, name: TrustDomain, value: V | undefined): void {
  if (value === undefined) map.delete(name);
  else map.set(name, value);
}
