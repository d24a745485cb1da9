// A trust bundle: the signing certificates that a trust domain's SVIDs may lead to. An intermediate may be an
// anchor.
import type { TrustDomain } from '../core/spiffe-id.ts';
import type { Certificate } from './x509/certificate.ts';

export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  readonly anchors: readonly Certificate[];
  /** Anchors by `subject`; several CAs may share a name (a rotated key keeps it). */
  readonly bySubject: ReadonlyMap<string, readonly Certificate[]>;
}

/** Indexes `anchors`; copies of one certificate count once. */
export function createTrustBundle(trustDomain: TrustDomain, anchors: readonly Certificate[]): TrustBundle {
  const unique = new Map(anchors.map((anchor) => [anchor.fingerprintSha256, anchor]));
  const bySubject = new Map<string, Certificate[]>();
  for (const anchor of unique.values()) {
    const sameName = bySubject.get(anchor.subject);
    if (sameName) sameName.push(anchor);
    else bySubject.set(anchor.subject, [anchor]);
  }
  return { trustDomain, anchors: [...unique.values()], bySubject };
}
