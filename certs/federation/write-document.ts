// The SPIFFE bundle document that a trust domain publishes: a JWK set with one entry per CA certificate.
// See SPIFFE Trust Domain and Bundle section 4, X509-SVID section 6.1.
import { createPublicKey } from 'node:crypto';
import { parseCertificate } from '../x509/certificate.ts';

/** What a bundle document says. */
export interface BundleDocument {
  /** DER of the CA certificates; none = the trust domain has no X509-SVIDs. */
  readonly rootsDer: readonly Buffer[];
  /** `spiffe_sequence`: grows with every change of the roots. An integer below 2^64. */
  readonly sequence: number | bigint;
  /** How often readers are to ask, milliseconds; written in whole seconds, at least one. */
  readonly refreshHintMs: number;
}

/**
 * The document as text. The same roots give the same bytes: readers may compare them.
 * @throws DerError for what is not a certificate, TypeError for a key that OpenSSL does not know
 */
export function writeBundleDocument({ rootsDer, sequence, refreshHintMs }: BundleDocument): string {
  // JSON.stringify refuses a bigint, and a number loses digits above 2^53: written by hand, as integers.
  const keys = rootsDer.map((der) => JSON.stringify(jwkOf(der)));
  const hintSeconds = Math.max(1, Math.floor(refreshHintMs / 1_000));
  return `{"keys":[${keys.join(',')}],"spiffe_sequence":${sequence},"spiffe_refresh_hint":${hintSeconds}}\n`;
}

/** X509-SVID section 6.1: `use` and `x5c` are set, `kid` is not. */
function jwkOf(der: Buffer): Record<string, unknown> {
  const { publicKey } = parseCertificate(der);
  const key = createPublicKey({ key: publicKey.spki, format: 'der', type: 'spki' });
  return { use: 'x509-svid', ...key.export({ format: 'jwk' }), x5c: [der.toString('base64')] };
}
