// TRUST of the API: what a workload verifies others with, as JSON, made once for each sequence number.
import { writePem } from '../../x509/pem.ts';
import type { PublishedTrust } from '../issuer.ts';

const pem = (label: string, ders: readonly Buffer[]): string =>
  ders.map((der) => writePem(label, der)).join('');

/** The JSON object, without its closing brace when `open` is asked for by what follows. */
export class TrustText {
  #sequence = -1;
  #text = '';

  /** `{"trustDomain":…}`. */
  of(trust: PublishedTrust): string {
    if (trust.sequence === this.#sequence) return this.#text;
    const { trustDomain, sequence, refreshHintMs, rootsDer, crlsDer, federated } = trust;
    this.#sequence = sequence;
    this.#text = JSON.stringify({
      trustDomain,
      sequence,
      refreshHintSeconds: Math.max(1, Math.round(refreshHintMs / 1000)),
      bundle: pem('CERTIFICATE', rootsDer),
      crl: pem('X509 CRL', crlsDer),
      federated: Object.fromEntries(
        [...federated].map(([domain, ders]) => [domain, pem('CERTIFICATE', ders)]),
      ),
    });
    return this.#text;
  }

  /** The same with `"renew"`, for a caller that presented a certificate. */
  withRenew(trust: PublishedTrust, renew: boolean | null): string {
    const text = this.of(trust);
    return renew === null ? text : `${text.slice(0, -1)},"renew":${renew}}`;
  }
}
