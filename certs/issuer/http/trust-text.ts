// TRUST of the API: what a workload verifies others with, as JSON, made once for each sequence number:
// everybody who waits is sent the same bytes.
import { writePem } from '../../x509/pem.ts';
import type { PublishedTrust } from '../issuer.ts';

const pem = (label: string, ders: readonly Buffer[]): string =>
  ders.map((der) => writePem(label, der)).join('');

/** The JSON object. */
export class TrustText {
  #sequence = -1;
  #bytes = Buffer.alloc(0);

  /** `{"trustDomain":…}`. */
  of(trust: PublishedTrust): Buffer {
    if (trust.sequence === this.#sequence) return this.#bytes;
    const { trustDomain, sequence, refreshHintMs, rootsDer, crlsDer, federated } = trust;
    this.#sequence = sequence;
    const text = JSON.stringify({
      trustDomain,
      sequence,
      refreshHintSeconds: Math.max(1, Math.round(refreshHintMs / 1000)),
      bundle: pem('CERTIFICATE', rootsDer),
      crl: pem('X509 CRL', crlsDer),
      federated: Object.fromEntries(
        [...federated].map(([domain, ders]) => [domain, pem('CERTIFICATE', ders)]),
      ),
    });
    this.#bytes = Buffer.from(text);
    return this.#bytes;
  }

  /** The same in parts, with `"renew"` for a caller that presented a certificate. */
  withRenew(trust: PublishedTrust, renew: boolean | null): readonly Buffer[] {
    const bytes = this.of(trust);
    return renew === null ? [bytes] : [bytes.subarray(0, -1), Buffer.from(`,"renew":${renew}}`)];
  }
}
